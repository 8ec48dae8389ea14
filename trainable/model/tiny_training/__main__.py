"""Make the tiny base: ``python -m trainable.model.tiny_training --out DIR --seed 0``.

All budgets are steps and all draws come from the seed, on one thread: the same seed and scale give the same weights,
bit by bit, on one machine.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers
from transformers import Qwen2VLForConditionalGeneration

from trainable.model.tiny import tiny_config
from trainable.model.tiny_training.evaluate import score_base
from trainable.model.tiny_training.export import save_base
from trainable.model.tiny_training.heads import TokenHeads
from trainable.model.tiny_training.packing import Packer
from trainable.model.tiny_training.stages import Stage, train_language, train_vision
from trainable.model.tiny_training.tokenizer import SPECIAL_TOKENS, train_tokenizer
from trainable.seeding import child_seed

VISION = Stage(steps=2600, batch=32, peak=2e-3)
LANGUAGE = Stage(steps=3000, batch=16, peak=2e-3)
JOINT = Stage(steps=1000, batch=16, peak=5e-4)

CORPUS_SCENES = 2000
TEST_SCENES = 400
TEST_SEED = 1
_ROUND_TO = 64


def main() -> None:
    """Read the command line and make a base."""
    parser = argparse.ArgumentParser(prog="python -m trainable.model.tiny_training", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the base; overwritten")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies every number of steps and of test scenes")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    make_base(arguments.out, seed=arguments.seed, scale=arguments.scale)


def make_base(folder: Path, *, seed: int, scale: float) -> None:
    """Train tokenizer, vision tower and language model, save them and write down what they reach.

    Args:
        folder: Gets the base and its ``card.json``; a base of the moment lies there during training.
        seed: Of weights, scenes and questions.
        scale: Multiplies every number of steps and of test scenes.

    """
    torch.set_num_threads(1)
    started = time.process_time()
    tokenizer = train_tokenizer(seed=seed, scenes=CORPUS_SCENES)
    vocabulary = tokenizer.get_vocab()
    token_ids = {token: vocabulary[token] for token in SPECIAL_TOKENS}
    torch.manual_seed(child_seed(seed, "weights"))
    rows = math.ceil(len(tokenizer) / _ROUND_TO) * _ROUND_TO
    model = Qwen2VLForConditionalGeneration._from_config(
        tiny_config(token_ids, vocabulary=rows), attn_implementation="eager", dtype=torch.float32
    )
    stages = {"vision": VISION.scaled(scale), "language": LANGUAGE.scaled(scale), "joint": JOINT.scaled(scale)}
    _train(model, tokenizer, stages, folder=folder, seed=seed)
    save_base(model, tokenizer, folder)
    scenes = max(4, round(TEST_SCENES * scale))
    card = {
        "seed": seed,
        "steps": {name: stage.steps for name, stage in stages.items()},
        "scenes_per_step": {name: stage.batch for name, stage in stages.items()},
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "vocabulary": len(tokenizer),
        "cpu_minutes": round((time.process_time() - started) / 60, 1),
        "versions": {
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
        },
        "test": {"seed": TEST_SEED, "scenes": scenes},
        "base": _rounded(asdict(score_base(folder, domain="base", scenes=scenes, seed=TEST_SEED))),
        "shifted": _rounded(asdict(score_base(folder, domain="shifted", scenes=scenes, seed=TEST_SEED))),
    }
    (folder / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def _train(model: Any, tokenizer: Any, stages: dict[str, Stage], *, folder: Path, seed: int) -> None:
    save = partial(save_base, model, tokenizer, folder)
    heads, packer = TokenHeads(), Packer(tokenizer)
    vision, language, joint = stages["vision"], stages["language"], stages["joint"]
    train_vision(model.model.visual, heads, vision, seed=seed)
    first = vision.steps * vision.batch
    train_language(model, packer, language, heads=None, first=first, seed=seed, save=save)
    first += language.steps * language.batch
    train_language(model, packer, joint, heads=heads, first=first, seed=seed, save=save)


def _rounded(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in scores.items()}


if __name__ == "__main__":
    main()
