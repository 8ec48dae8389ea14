"""The text of a first sweep file: the space of a first stage around one training's settings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.init.machine import Machine
from search.init.start import Start, Training
from search.yaml_text import yaml_text
from spaces import SourceConfig
from trainable.model.tiny import TINY_NAME

GROUNDING, TEXT = "grounding.miou", "text.token_f1"

_PART_OF_A_TRAINING = 4
"""A trial has so much less steps than the training whose settings are searched around; export trains longer again."""

_MOST_STEPS, _FEWEST_STEPS = 400, 8
_RUNG_ROWS, _FINAL_ROWS = 200, 1000
_NIGHT = {"trials": 200, "time_limit": "10h"}
_ON_CPU = {"trials": 16, "time_limit": "10h"}


@dataclass(frozen=True)
class Rows:
    """What was found in the data.

    Attributes:
        train: Rows that are trained on.
        search: Rows that score the trials.
        has_boxes: Whether both splits hold grounding rows.
        has_text: Whether both splits hold text rows.
        longest_answer: Tokens of the longest true answer that is scored; ``None`` if this machine has no tokenizer.
        refused: Rows that are not used.
        counts: A line that says what there is.

    """

    train: int
    search: int
    has_boxes: bool
    has_text: bool
    longest_answer: int | None
    refused: int
    counts: str


@dataclass(frozen=True)
class Length:
    """Steps of the user's training and of a trial."""

    whole: int
    steps: int
    rungs: tuple[int, ...]


def length_of(training: Training, rows: int) -> Length:
    """Derive the length of trials from the size of the data.

    Args:
        training: The user's.
        rows: That are trained on.

    Returns:
        A quarter of the training's steps, from 8 to 400 and never more than the training has, with rungs at an eighth,
        a quarter and a half.

    """
    per_epoch = rows / (training.batch * training.accumulation)
    whole = training.steps or max(math.ceil(training.epochs * per_epoch), 1)
    steps = min(max(round(whole / _PART_OF_A_TRAINING), _FEWEST_STEPS), _MOST_STEPS, max(whole, 1))
    rungs = tuple(sorted({round(steps * share) for share in (0.125, 0.25, 0.5)} & set(range(1, steps))))
    return Length(whole, steps, rungs)


def sweep_text(
    start: Start, rows: Rows, machine: Machine, objectives: Sequence[str], *, out: Path, search_share: float
) -> str:
    """Write the sweep file.

    Args:
        start: Data, base and settings.
        rows: What the data hold.
        machine: Where trials are to run.
        objectives: The two scores.
        out: Of the file, absolute; paths below its folder are written from there.
        search_share: Share of the images whose rows score the trials.

    """
    length = length_of(start.training, rows.train)
    tree: dict[str, Any] = {
        "model": _model(start, machine, out),
        "data": {
            "sources": [_source(source, out) for source in start.sources],
            "search_share": search_share,
            "max_length": start.max_length,
        },
        "objectives": list(objectives),
        "trial": _trial(start.training, rows, length, machine),
        "space": _space(start, rows, length),
        "search": _search(rows, length, machine),
    }
    return yaml_text(
        tree,
        header=_header(start, rows, out),
        notes={**_notes(start, rows, length, machine), **start.notes},
        heads=_HEADS,
    )


_HEADS = {
    "space": (
        "A first stage. Second, with its winners fixed: schedules and weightings; third: pacings (docs/losses.md).\n"
        "`baseline` is the value of trial 0, which is always plain cross entropy."
    )
}


def _model(start: Start, machine: Machine, out: Path) -> dict[str, Any]:
    model: dict[str, Any] = {"path": _written(start.model.path, out), "dtype": start.model.dtype}
    if start.model.max_pixels is not None:
        model["max_pixels"] = start.model.max_pixels
    if machine.gpus:
        model["cache"] = {"disk": "100GB"}
    return model


def _source(source: SourceConfig, out: Path) -> dict[str, Any]:
    told = source.model_dump(mode="json", exclude_defaults=True)
    paths = {key: _written(value, out) for key, value in told.items() if isinstance(value, str) and key != "dataset"}
    return {"source": source.source, **told, **paths}


def _written(path: str, out: Path) -> str:
    """Write a path below the file's folder from there, another as it is."""
    folder = out.parent
    if path == TINY_NAME or not Path(path).is_absolute() or not Path(path).is_relative_to(folder):
        return path
    inner = Path(path).relative_to(folder)
    return f"./{inner}"


def _trial(training: Training, rows: Rows, length: Length, machine: Machine) -> dict[str, Any]:
    trial: dict[str, Any] = {
        "steps": length.steps,
        "rungs": list(length.rungs),
        "batch": training.batch,
        "accumulation": training.accumulation,
        "rung_rows": max(min(_RUNG_ROWS, rows.search), 2),
    }
    if rows.search > _FINAL_ROWS:
        trial["final_rows"] = _FINAL_ROWS
    trial |= {"eval_batch": training.eval_batch, "max_new_tokens": _new_tokens(rows), "seed": training.seed}
    resources: dict[str, Any] = {"cpus": machine.cpus_of_trial}
    if machine.gpus:
        resources["gpus"] = 1
    return {**trial, "resources": resources}


def _new_tokens(rows: Rows) -> int:
    """Leave room for the longest true answer, in steps of 16."""
    longest = rows.longest_answer or 0
    return min(max(64, 16 * math.ceil((longest + 8) / 16)), 1024)


def _space(start: Start, rows: Rows, length: Length) -> dict[str, Any]:
    training = start.training
    space: dict[str, Any] = {
        "adapter": {
            "rank": _around(training.rank, 4, 64),
            "alpha_ratio": training.alpha_ratio,
            "dropout": {"range": [0.0, max(0.1, training.dropout)], "baseline": training.dropout},
            "targets": _first(training.targets, ("attention", "mlp", "all")),
            "rank_stabilised": _first(training.rank_stabilised, (False, True)),
        },
        "optimizer": {
            "learning_rate": {
                "range": [_digits(training.learning_rate / 10), _digits(training.learning_rate * 10)],
                "log": True,
                "baseline": training.learning_rate,
            },
            "warmup_share": _warmup(training, length),
            "decay": training.decay,
            "weight_decay": training.weight_decay,
            "beta2": training.beta2,
            "clip_norm": training.clip_norm,
        },
        "mixture": _mixture(rows),
    }
    if rows.has_boxes and rows.has_text and not any(source.share for source in start.sources):
        space["curriculum"] = {"mix": "task", "grounding_share": {"range": [0.3, 0.7]}}
    return space


def _mixture(rows: Rows) -> dict[str, Any]:
    """Give the loss terms of a first stage: those with the best trade on the tiny base (docs/losses.md)."""
    switch = {"choice": [True, False]}
    if not rows.has_boxes:
        return {"label_smoothing": {"on": switch, "weight": {"range": [0.01, 0.2], "log": True}}}
    return {
        "box_ce": {"weight": {"range": [0.2, 5.0], "log": True}},
        "soft_label": {"on": switch, "weight": {"range": [0.03, 1.0], "log": True}},
        "ntl_was": {"on": switch, "weight": {"range": [0.1, 3.0], "log": True}},
    }


def _around(value: int, low: int, high: int) -> dict[str, Any]:
    return {"range": [min(low, value), max(high, value)], "log": True, "baseline": value}


def _first(value: Any, choices: Sequence[Any]) -> dict[str, Any]:
    return {"choice": list(choices), "baseline": value}


def _digits(value: float) -> float:
    return float(f"{value:.3g}")


def _warmup(training: Training, length: Length) -> float:
    share = training.warmup_steps / length.whole if training.warmup_steps else training.warmup_share
    return min(_digits(share), 0.9)


def _search(rows: Rows, length: Length, machine: Machine) -> dict[str, Any]:
    budget = _NIGHT if machine.gpus else _ON_CPU
    pruner: Any = {"name": "eod", "warmup_trials": max(8 if machine.gpus else 4, machine.concurrency)}
    search: dict[str, Any] = {
        "sampler": {"name": "tpe", "startup_trials": 12 if machine.gpus else 6},
        "pruner": pruner if length.rungs else "none",
    }
    if rows.has_boxes:
        search["enqueue"] = ["ntl", "dist2"]
    return {**search, **budget, "disk": "20GB", "concurrency": machine.concurrency}


def _header(start: Start, rows: Rows, out: Path) -> list[str]:
    lines = [
        f"A first sweep, made by paretune init from {start.told_by}. Nothing has to be changed:",
        f"paretune check {out.name}, then paretune sweep {out.name}.",
        "",
        rows.counts,
    ]
    if rows.refused:
        lines.append(f"{rows.refused} rows are refused; paretune check says which and why.")
    if start.not_carried:
        lines += ["", "Not carried over, with the reason:", *(f"- {line}" for line in start.not_carried)]
    return lines


def _whole(training: Training) -> str:
    return "as trained" if training.steps else f"{training.epochs:g} epochs of the rows that train"


def _notes(start: Start, rows: Rows, length: Length, machine: Machine) -> Mapping[str, str]:
    training = start.training
    found = "GPUs found" if machine.gpus else "no GPU was found"
    notes = {
        "data.search_share": "of the images; their rows score the trials",
        "data.max_length": "tokens; longer rows are refused, never cut",
        "trial.steps": f"of {length.whole}, {_whole(training)}",
        "trial.accumulation": f"{training.batch * training.accumulation} rows a step",
        "trial.max_new_tokens": "longest answer that is generated",
        "search.trials": "the time limit may end the sweep earlier",
        "search.enqueue": "published settings, right after plain cross entropy",
        "search.disk": "the most that all checkpoints take",
        "search.concurrency": f"trials at a time: {found}",
    }
    if rows.longest_answer is not None:
        notes["trial.max_new_tokens"] = f"the longest true answer has {rows.longest_answer}"
    return notes
