"""One trial as it is written without paretune: ``Trainer`` of transformers, ``get_peft_model``, ``generate``.

It reads its data, loads its base and builds its collator anew, and computes logits at every position. Rows, order,
tokens, pixels, adapter's first weights, rates, clipping and scored rows are those of paretune's trial of the same
config, so that the two have the same loss at every step. What is read from paretune is what a user would have written
in its place: the files' reader, the chat template, the formula of the rates and the scores.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import Trainer, TrainingArguments
from typing_extensions import override

from spaces import TrialConfig
from trainable.data.prepare import prepare
from trainable.data.records import Record, interleaved
from trainable.data.render import BOX, PROMPT, render
from trainable.data.sampler import RowSampler
from trainable.data.split import Split
from trainable.evaluation.grounding import GroundedAnswer, score_grounding
from trainable.evaluation.text import TextAnswer, score_text
from trainable.model.adapter import target_regex
from trainable.model.load import Base, load_base
from trainable.model.prefix_cache import layer_count
from trainable.seeding import child_seed

_IGNORED = -100
"""The label of a token that is not supervised, as transformers has it."""


@dataclass(frozen=True)
class Outcome:
    """What a trial found.

    Attributes:
        losses: Of every step, before it.
        metrics: Scores at the end, by paretune's names.

    """

    losses: list[float]
    metrics: dict[str, float]


def train_and_score(config: TrialConfig) -> Outcome:
    """Run a trial of plain cross entropy without curriculum; of its reports only the last is made."""
    base = load_base(config.model)
    split = prepare(config.data, base.processor).split
    adapter = config.adapter
    torch.manual_seed(child_seed(config.training.seed, "adapter"))
    model = get_peft_model(
        base.model,
        LoraConfig(
            r=adapter.rank,
            lora_alpha=adapter.rank * adapter.alpha_ratio,  # pyright: ignore[reportArgumentType] - PEFT takes a float
            lora_dropout=adapter.dropout,
            use_rslora=adapter.rank_stabilised,
            target_modules=target_regex(adapter.targets, first_layer=0, layers=layer_count(base)),
            bias="none",
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer = _PlainTrainer(config, model, base, _in_order(config, split), folder)
        trainer.train()
    rows = interleaved(split.search)[: config.training.final_rows]
    return Outcome([loss.item() for loss in trainer.losses], _scores(trainer.model, base, rows, config))


def _in_order(config: TrialConfig, split: Split) -> list[Record]:
    """Give the rows of all steps, one after another."""
    sampler = RowSampler(
        split.train,
        [None] * len(split.train),
        config.curriculum,
        random.Random(child_seed(config.training.seed, "data order")),
    )
    count = config.training.steps * config.training.batch
    return [split.train[row] for row in sampler.draw(count, 0.5)]


class _PlainTrainer(Trainer):
    """The Trainer with paretune's rates; its loss is its own, noted at every step."""

    def __init__(self, config: TrialConfig, model: Any, base: Base, rows: Sequence[Record], folder: str) -> None:
        training, optimizer = config.training, config.optimizer
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=training.steps,
            per_device_train_batch_size=training.batch,
            learning_rate=optimizer.learning_rate,
            adam_beta2=optimizer.beta2,
            weight_decay=optimizer.weight_decay,
            max_grad_norm=optimizer.clip_norm,
            seed=child_seed(training.seed, "dropout") % 2**32,
            train_sampling_strategy="sequential",
            dataloader_num_workers=0,
            dataloader_pin_memory=False,
            remove_unused_columns=False,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        super().__init__(
            model=model,
            args=arguments,
            data_collator=lambda records: _collate(records, base),
            train_dataset=rows,  # pyright: ignore[reportArgumentType] - a list serves as a map-style data set
        )
        self._config = config
        self.losses: list[Tensor] = []

    @override
    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        settings = self._config.optimizer
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer or self.optimizer,
            # the scheduler looks one step past the last
            lambda step: (
                settings.rate_at(min(step, num_training_steps - 1), steps=num_training_steps) / settings.learning_rate
            ),
        )
        return self.lr_scheduler

    @override
    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
        loss = super().compute_loss(model, inputs, return_outputs, **kwargs)
        self.losses.append((loss[0] if return_outputs else loss).detach())
        return loss


def _collate(records: Sequence[Record], base: Base) -> dict[str, Tensor]:
    """Decode, resize and tokenise rows, and pad them on the right."""
    rows = [render(record, base.processor) for record in records]
    length = max(len(row.ids) for row in rows)
    ids = [[*row.ids, *[base.ids.pad] * (length - len(row.ids))] for row in rows]
    labels = [
        [
            *(token if role != PROMPT else _IGNORED for token, role in zip(row.ids, row.roles, strict=True)),
            *[_IGNORED] * (length - len(row.ids)),
        ]
        for row in rows
    ]
    mask = [[1] * len(row.ids) + [0] * (length - len(row.ids)) for row in rows]
    return {**_inputs(records, ids, mask, base), "labels": torch.tensor(labels)}


def _collate_prompts(records: Sequence[Record], base: Base) -> dict[str, Tensor]:
    """Do the same with the prompts alone, padded on the left for generation."""
    rows = [render(record, base.processor) for record in records]
    prompts = [row.ids[: row.prompt_length] for row in rows]
    length = max(map(len, prompts))
    ids = [[*[base.ids.pad] * (length - len(prompt)), *prompt] for prompt in prompts]
    mask = [[0] * (length - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return _inputs(records, ids, mask, base)


def _inputs(records: Sequence[Record], ids: list[list[int]], mask: list[list[int]], base: Base) -> dict[str, Tensor]:
    tokens = torch.tensor(ids)
    images = base.processor.image_processor(
        images=[image.load() for record in records for image in record.images], return_tensors="pt"
    )
    return {
        "input_ids": tokens,
        "attention_mask": torch.tensor(mask),
        "mm_token_type_ids": (tokens == base.ids.image_pad).to(torch.int32),
        **images,
    }


@torch.no_grad()
def _scores(model: Any, base: Base, rows: Sequence[Record], config: TrialConfig) -> dict[str, float]:
    """Generate the answers, and compute the losses of the true ones."""
    model.eval()
    training = config.training
    grounded: list[GroundedAnswer] = []
    texts: list[TextAnswer] = []
    totals, counts = [0.0, 0.0], [0, 0]
    for start in range(0, len(rows), training.eval_batch):
        drawn = rows[start : start + training.eval_batch]
        prompts = {name: value.to(base.device) for name, value in _collate_prompts(drawn, base).items()}
        out = model.generate(**prompts, max_new_tokens=training.max_new_tokens, do_sample=False, num_beams=1)
        for record, ids in zip(drawn, out[:, prompts["input_ids"].shape[1] :].tolist(), strict=True):
            answer = base.tokenizer.decode(ids[: ids.index(base.ids.im_end)] if base.ids.im_end in ids else ids)
            if record.task == "grounding":
                grounded.append(_grounded(record, answer, base))
            else:
                texts.append(TextAnswer(record.references or (record.turns[-1].answer,), answer))
        inputs = {name: value.to(base.device) for name, value in _collate(drawn, base).items()}
        labels = inputs.pop("labels")[:, 1:]
        logits = model(**inputs).logits.float()[:, :-1]
        losses = cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").reshape(labels.shape)
        in_box = _in_box(drawn, base, labels)
        for kind, mask in enumerate([(labels != _IGNORED) & ~in_box, in_box]):
            totals[kind] += losses[mask].sum().item()
            counts[kind] += int(mask.sum())
    return {
        **score_grounding(grounded, constant_box_1000=None),
        **score_text(texts),
        **{
            f"teacher_forced.{name}": total / count
            for name, total, count in zip(("text_ce", "box_ce"), totals, counts, strict=True)
            if count
        },
    }


def _in_box(records: Sequence[Record], base: Base, labels: Tensor) -> Tensor:
    """Mark the supervised tokens in boxes, of the shape of the labels."""
    mask = torch.zeros(labels.shape, dtype=torch.bool)
    for index, record in enumerate(records):
        roles = render(record, base.processor).roles[1:]
        mask[index, : len(roles)] = torch.tensor(roles) == BOX
    return mask.to(labels.device)


def _grounded(record: Record, answer: str, base: Base) -> GroundedAnswer:
    family, turn = base.processor.family, record.turns[-1]
    resized = [base.processor.resized(image.size) for image in record.images]
    own = resized[turn.boxes[0].image if turn.boxes else 0]
    return GroundedAnswer(family.boxes_in(family.answer(turn, resized), own), family.boxes_in(answer, own))
