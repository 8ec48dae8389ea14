"""Other people's learning curves and tables of results, as finished sweeps.

They are inputs of measurements and tests, and lie outside the project. The hub draws only keys of our own search space,
so their settings take the places of keys of the same kind; nothing of ours is said about these keys.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.blackbox import Blackbox, RecordedTrial
from search.spec import SweepSpec
from spaces import Scalar
from spaces.domains import Choice, Domain, FloatRange, IntRange
from trainable.report import TrialReport

SCORES = ("text.token_accuracy", "text.exact_match")
"""Names under which two numbers in 0–1 are maximised; their meaning is the table's."""

CURVE_STEPS, CURVE_RUNGS, CURVE_STEP_S = 50, (6, 12, 25, 38), 60.0
UNTRAINED = (0.5, 0.5)
"""Scores of a text classifier of two classes that has learnt nothing."""

TABLE_SPACE: Mapping[str, Domain] = {
    "adapter.rank": IntRange(low=16, high=512, log=True),
    "adapter.alpha_ratio": FloatRange(low=16.0, high=512.0, log=True),
    "optimizer.clip_norm": FloatRange(low=8.0, high=64.0, log=True),
    "adapter.dropout": FloatRange(low=0.0, high=0.6),
    "optimizer.warmup_share": FloatRange(low=0.0, high=0.6),
    "optimizer.learning_rate": FloatRange(low=5e-4, high=0.1, log=True),
    "optimizer.decay": Choice(values=("constant", "cosine")),
    "adapter.rank_stabilised": Choice(values=(False, True)),
    "adapter.targets": Choice(values=("all", "attention")),
}
"""Places of the nine settings of a row, in the order of ``_place_row``."""


def read_curves(path: Path, *, order: random.Random | None = None) -> Blackbox:
    """Read learning curves of TaskSet: two scores at 50 checkpoints of a text classifier.

    The objectives are ``exp(-loss)`` on the training and on the validation set, the geometric mean of the probability
    of the true class. They belong together closely, so fronts are short: such curves show what is lost when one
    good trial is stopped, and little of trade-offs. A curve whose loss is not finite at some checkpoint is that of a
    trial that fails there. The times are made up, one minute for a checkpoint.

    Args:
        path: A JSON file of DyHPO's copy of TaskSet.
        order: Shuffles the trials; they keep the order of the file if absent.

    """
    rows = json.loads(path.read_text())
    if order is not None:
        order.shuffle(rows)
    spec = _spec(
        steps=CURVE_STEPS,
        rungs=CURVE_RUNGS,
        space={"optimizer.learning_rate": FloatRange(low=1e-9, high=10.0, log=True)},
    )
    return Blackbox(spec, [_curve(number, row) for number, row in enumerate(rows)])


def _curve(number: int, row: Mapping[str, Any]) -> RecordedTrial:
    losses = np.array([row["train_loss"], row["valid_loss"]], dtype=float)  # [2, 51]; text "nan" is read as NaN
    broken = np.flatnonzero(~np.isfinite(losses).all(axis=0))
    end = int(broken[0]) if len(broken) else CURVE_STEPS
    steps = [step for step in (*CURVE_RUNGS, CURVE_STEPS) if step < end or not len(broken)]
    reports = [_report(step, CURVE_STEPS, CURVE_STEP_S * step, np.exp(-losses[:, step])) for step in steps]
    return RecordedTrial(
        number=number,
        params={"optimizer.learning_rate": row["hp"]["learning_rate"]},
        reports=tuple(reports),
        seconds=CURVE_STEP_S * max(end, 1),
        state="FAIL" if len(broken) else "COMPLETE",
        reason="diverged" if len(broken) else "final step reached",
    )


def read_table(path: Path, *, seed: int) -> tuple[Blackbox, NDArray[np.float64]]:
    """Read HPOLib's table: final results of 6,000 settings of a small network, each trained four times.

    The objectives are ``exp(-validation loss)`` of one of the four trainings and the smallness of the model, 1 for the
    smallest of the table and 0 for the largest, linear in the logarithm of its parameters. A trial takes the time that
    its training took. There is one score per training and no curve, so the table compares samplers and can say nothing
    of pruners.

    Args:
        path: The compressed CSV file.
        seed: Its remainder by 4 chooses the training that a search sees.

    Returns:
        The table as a sweep, and the scores of its rows with the loss averaged over the four trainings, of shape
        ``[n, 2]``.

    """
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    losses = np.array([[float(row[f"val_loss_seed{place}"]) for place in range(4)] for row in rows])
    sizes = np.log([float(row["model_size"]) for row in rows])
    small = 1 - (sizes - sizes.min()) / (sizes.max() - sizes.min())
    spec = _spec(steps=1, rungs=(), space=TABLE_SPACE)
    trials: list[RecordedTrial] = []
    for number, row in enumerate(rows):
        seconds = float(row[f"train_time_seed{seed % 4}"])
        scores = np.array([math.exp(-losses[number, seed % 4]), small[number]])
        trials.append(
            RecordedTrial(
                number=number,
                params=dict(zip(TABLE_SPACE, _place_row(row), strict=True)),
                reports=(_report(1, 1, seconds, scores),),
                seconds=seconds,
                state="COMPLETE",
                reason="final step reached",
            )
        )
    return Blackbox(spec, trials), np.column_stack([np.exp(-losses.mean(axis=1)), small])


def _place_row(row: Mapping[str, str]) -> Sequence[Scalar]:
    return (
        int(row["n_units_1"]),
        float(row["n_units_2"]),
        float(row["batch_size"]),
        float(row["dropout_1"]),
        float(row["dropout_2"]),
        float(row["init_lr"]),
        {"const": "constant", "cosine": "cosine"}[row["lr_schedule"]],
        row["activation_fn_1"] == "tanh",
        {"relu": "all", "tanh": "attention"}[row["activation_fn_2"]],
    )


def _report(step: int, steps: int, seconds: float, scores: NDArray[np.float64]) -> TrialReport:
    metrics = dict(zip(SCORES, scores.tolist(), strict=True))
    return TrialReport(step, step / steps, seconds, metrics, {}, {}, {}, {})


def _spec(*, steps: int, rungs: Sequence[int], space: Mapping[str, Domain]) -> SweepSpec:
    return SweepSpec.model_validate(
        {
            "data": {"sources": [{"source": "shapes"}]},
            "objectives": SCORES,
            "trial": {"steps": steps, "rungs": rungs},
            "space": {"dimensions": space},
            "search": {"concurrency": 4, "pruner": "none"},
        }
    )
