"""The three stages: vision tower alone, language model alone, both."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW, Muon
from torch.optim.lr_scheduler import LambdaLR

from trainable.data.scenes import Scene, make_scene
from trainable.model.tiny_training.heads import TokenHeads, token_targets
from trainable.model.tiny_training.packing import Packed, Packer, training_questions
from trainable.model.tiny_training.pictures import image_features, scene_patches
from trainable.seeding import child_seed

_log = logging.getLogger(__name__)

TRAINING_SERIES = 2**32
"""Added to the seed of training scenes: no series that a reader can name was ever trained on."""

_WEIGHT_DECAY = 0.01
_SAVE_EVERY = 500


@dataclass(frozen=True)
class Stage:
    """How long and how fast a stage learns.

    Attributes:
        steps: Optimizer steps.
        batch: Scenes of a step, all new.
        peak: Highest learning rate of AdamW, after a short warm-up; falls as a cosine to a hundredth. Muon's is twice
            as high.

    """

    steps: int
    batch: int
    peak: float

    def scaled(self, scale: float) -> Stage:
        """Give the same stage with its steps multiplied, at least two."""
        return Stage(max(2, round(self.steps * scale)), self.batch, self.peak)


def train_vision(tower: Any, heads: TokenHeads, stage: Stage, *, seed: int) -> None:
    """Teach the tower to write into every image token which shape lies under it, and where its corners are."""
    learner = _Learner([tower, heads], stage)
    for step, scenes in enumerate(_scene_batches(stage, seed=seed, first=0)):
        targets = token_targets(scenes)
        features = image_features(tower, scene_patches(scenes))
        learner.step(heads.loss(features, targets))
        if step % 100 == 99 or step == stage.steps - 1:
            colour, shape, near = heads.accuracy(features.detach(), targets)
            _log.info(
                "vision %d: loss %.3f colour %.3f shape %.3f corners %.3f", step + 1, learner.last, colour, shape, near
            )


def train_language(
    model: Any,
    packer: Packer,
    stage: Stage,
    *,
    heads: TokenHeads | None,
    first: int,
    seed: int,
    save: Callable[[], None],
) -> None:
    """Teach the language model to answer; with ``heads``, the tower learns along and keeps what it knows.

    Args:
        model: The whole model.
        packer: Of its tokenizer.
        stage: How long and how fast.
        heads: Of the vision stage, or ``None`` to leave the tower as it is.
        first: Number of scenes that earlier stages have used.
        seed: Of scenes and questions.
        save: Called every 500 steps.

    """
    tower, rng = model.model.visual, random.Random(child_seed(seed, f"questions/{first}"))
    learner = _Learner([model, heads] if heads else [model.model.language_model], stage)
    for step, scenes in enumerate(_scene_batches(stage, seed=seed, first=first)):
        packed = packer.pack([training_questions(scene, rng) for scene in scenes])
        with torch.autocast("cpu", torch.bfloat16):
            with torch.set_grad_enabled(heads is not None):
                features = image_features(tower, scene_patches(scenes))
            losses = answer_losses(model, packed, features)
            loss = (losses * packed.weights).sum() / packed.weights.sum()
            extra = 0.1 * heads.loss(features, token_targets(scenes)) if heads else 0.0
        learner.step(loss + extra)
        if step % 100 == 99 or step == stage.steps - 1:
            box = losses[packed.weights > 1].mean().item()
            text = losses[packed.weights == 1].mean().item()
            _log.info("language %d: box %.3f text %.3f", step + 1, box, text)
        if step % _SAVE_EVERY == _SAVE_EVERY - 1:
            save()


def answer_losses(model: Any, packed: Packed, features: Tensor) -> Tensor:
    """Give the cross-entropy of every supervised token, of shape ``[k]``."""
    embeds = model.model.language_model.embed_tokens(packed.ids)
    places = packed.ids == model.config.image_token_id
    embeds = embeds.masked_scatter(places[..., None], features.to(embeds.dtype))
    hidden = model.model.language_model(
        inputs_embeds=embeds,
        attention_mask={"full_attention": packed.mask},
        position_ids=packed.positions,
        use_cache=False,
    ).last_hidden_state
    return functional.cross_entropy(model.lm_head(hidden[packed.keep]), packed.labels, reduction="none")


def _scene_batches(stage: Stage, *, seed: int, first: int) -> Iterator[list[Scene]]:
    for start in range(first, first + stage.steps * stage.batch, stage.batch):
        yield [
            make_scene("base", seed=TRAINING_SERIES + seed, index=index) for index in range(start, start + stage.batch)
        ]


class _Learner:
    """Muon on the matrices between layers and AdamW on the rest, with warm-up, cosine and clipping.

    Muon takes about a third of the steps that AdamW alone takes here.

    References:
        Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
        https://kellerjordan.github.io/posts/muon/; scaled to AdamW's step size as in Liu et al., "Muon is Scalable for
        LLM Training", 2025, arXiv 2502.16982, section 2.2.

    """

    def __init__(self, modules: Sequence[nn.Module], stage: Stage) -> None:
        self.parameters = list({id(p): p for module in modules for p in module.parameters()}.values())
        matrices = [p for module in modules for p in _matrices(module)]
        chosen = {id(p) for p in matrices}
        rest = [p for p in self.parameters if id(p) not in chosen]
        self.optimizers: list[torch.optim.Optimizer] = [
            Muon(matrices, lr=2 * stage.peak, weight_decay=_WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw"),
            AdamW(rest, lr=stage.peak, betas=(0.9, 0.98), weight_decay=0.0),
        ]
        warm = max(1, min(100, stage.steps // 10))

        def factor(step: int) -> float:
            done = min(1.0, step / stage.steps)
            return min((step + 1) / warm, 0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)

        self.schedules = [LambdaLR(optimizer, factor) for optimizer in self.optimizers]
        self.last = math.nan

    def step(self, loss: Tensor) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for optimizer, schedule in zip(self.optimizers, self.schedules, strict=True):
            optimizer.step()
            schedule.step()
        self.last = loss.item()


def _matrices(module: nn.Module) -> list[nn.Parameter]:
    """Give the weights of linear layers inside the tower's and the language model's blocks, and of the merger."""
    return [
        parameter
        for name, parameter in module.named_parameters()
        if parameter.ndim == 2 and any(part in name for part in ("blocks.", "layers.", "merger."))
    ]
