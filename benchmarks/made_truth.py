"""Finished sweeps whose noise-free scores are known, as the record's own tables, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from results import Objective, RecordColumns, SweepTables
from results.schema import TableName, table_schema

OBJECTIVES = (Objective("grounding.miou", "maximize", 0, 1), Objective("text.token_f1", "maximize", 0, 1))
START = pd.Timestamp("2026-03-01 22:00", tz="UTC")
STEPS = 40


@dataclass(frozen=True)
class KnownSweep:
    """A sweep and the truth behind it.

    Attributes:
        truth: Noise-free scores of the trials, of shape ``[n, objectives]``.
        tables: Its record.
        items: Its rows.
        predictions: What each trial got on each row.

    """

    truth: NDArray[np.float64]
    tables: SweepTables
    items: pd.DataFrame
    predictions: pd.DataFrame


def known_sweep(
    truth: NDArray[np.float64],
    *,
    rows: int,
    rng: np.random.Generator,
    seed_deviation: float = 0.0,
    spread: float = 0.35,
    shared: float = 0.6,
    rows_per_image: int = 2,
    is_binary: bool = False,
    confirmed: Mapping[int, int] | None = None,
    objectives: Sequence[Objective] = OBJECTIVES,
    metadata: Mapping[str, str] | None = None,
) -> KnownSweep:
    """Make a sweep of complete trials. Every objective has rows of its own; the first trial is the baseline.

    A trial's score on a row is its truth, a seed's deviation, and a row's deviation: of its difficulty, which all
    trials share, of its image, and of its own.

    Args:
        truth: Of shape ``[n, objectives]``.
        rows: Of each objective.
        rng: The generator.
        seed_deviation: Standard deviation between seeds of a setting.
        spread: Standard deviation between rows of one trial.
        shared: Share of the rows' variance that all trials have in common.
        rows_per_image: Rows that are about one image.
        is_binary: Whether a row is right or wrong, with the truth as the probability of right; ``spread`` has no part.
        confirmed: Number of confirmation runs by trial, on as many rows of the confirm split.
        objectives: The objectives.
        metadata: Of the sweep.

    """
    columns = _columns(objectives)
    items = pd.concat(
        [_items(rows, objectives, split=split, rows_per_image=rows_per_image) for split in ("search", "confirm")]
    )
    plan = [(trial, run) for trial, runs in sorted((confirmed or {}).items()) for run in range(runs)]
    runs = {
        "search": [(trial, None) for trial in range(len(truth))],
        "confirm": [(t, i) for i, (t, _) in enumerate(plan)],
    }
    frames: list[pd.DataFrame] = []
    means: dict[str, NDArray[np.float64]] = {}
    for split, trained in runs.items():
        owner = np.array([trial for trial, _ in trained], dtype=int)
        expected = truth[owner] + rng.normal(0, seed_deviation, (len(owner), truth.shape[1]))
        means[split] = np.empty(expected.shape)
        for place, objective in enumerate(objectives):
            noise = _row_noise(rng, len(owner), rows, shared=shared, rows_per_image=rows_per_image)
            if is_binary:
                scores = (noise < norm.ppf(np.clip(expected[:, [place]], 0.001, 0.999))).astype(float)
            else:
                scores = expected[:, [place]] + spread * noise
            means[split][:, place] = scores.mean(axis=1)
            frames.append(_predictions(trained, scores, objective.name, split=split))
    predictions = pd.concat(frames, ignore_index=True).astype({"run": "Int32"})
    tables = _tables(columns, means, plan, metadata or {})
    return KnownSweep(truth, tables, items, predictions)


def _columns(objectives: Sequence[Objective]) -> RecordColumns:
    names = tuple(objective.name for objective in objectives)
    return RecordColumns(
        params={"mixture.weighting.name": "str", "optimizer.learning_rate": "float"},
        objectives=tuple(objectives),
        metrics=names,
        terms=(),
        row_scores=names,
    )


def _items(rows: int, objectives: Sequence[Objective], *, split: str, rows_per_image: int) -> pd.DataFrame:
    cells = [
        {
            "split": split,
            "item": f"{split} {objective.name} {row}",
            "image": f"{split} {objective.name} {row // rows_per_image}",
            "slices": [f"source_{row % 2}"],
        }
        for objective in objectives
        for row in range(rows)
    ]
    return pd.DataFrame(cells)


def _row_noise(
    rng: np.random.Generator, trials: int, rows: int, *, shared: float, rows_per_image: int
) -> NDArray[np.float64]:
    """Give noise of mean 0 and variance 1, of shape ``[trials, rows]``; a third of it belongs to the image."""

    def noise(count: int) -> NDArray[np.float64]:
        images = -(-rows // rows_per_image)
        of_image = np.repeat(rng.standard_normal((count, images)), rows_per_image, axis=1)[:, :rows]
        return np.sqrt(1 / 3) * of_image + np.sqrt(2 / 3) * rng.standard_normal((count, rows))

    return np.sqrt(shared) * noise(1) + np.sqrt(1 - shared) * noise(trials)


def _predictions(
    trained: Sequence[tuple[int, int | None]], scores: NDArray[np.float64], metric: str, *, split: str
) -> pd.DataFrame:
    rows = scores.shape[1]
    return pd.DataFrame(
        {
            "trial": np.repeat([trial for trial, _ in trained], rows),
            "run": pd.array(np.repeat(np.array([run for _, run in trained], dtype=object), rows), dtype="Int32"),
            "attempt": 0,
            "step": STEPS,
            "split": split,
            "item": [f"{split} {metric} {row}" for row in range(rows)] * len(trained),
            f"score.{metric}": scores.ravel(),
            f"weight.{metric}": 1.0,
        }
    )


def _tables(
    columns: RecordColumns,
    means: Mapping[str, NDArray[np.float64]],
    plan: Sequence[tuple[int, int]],
    metadata: Mapping[str, str],
) -> SweepTables:
    names = [objective.name for objective in columns.objectives]
    count = len(means["search"])
    order = pd.to_timedelta(np.arange(count), unit="min")
    shared: dict[str, Any] = {"attempt": 0, "seconds": 6.0 * STEPS}
    trials = {
        "trial": np.arange(count),
        "state": "COMPLETE",
        "reason": "",
        "role": ["baseline" if trial == 0 else "search" for trial in range(count)],
        "steps": STEPS,
        "seed": np.arange(count),
        "started": START + order,
        "ended": START + order,
        "param.mixture.weighting.name": ["static" if trial % 2 == 0 else "famo" for trial in range(count)],
        "param.optimizer.learning_rate": 1e-4 * (1 + np.arange(count)),
        **{f"value.{name}": means["search"][:, place] for place, name in enumerate(names)},
        **shared,
    }
    reports = {
        "trial": np.arange(count),
        "step": STEPS,
        "progress": 1.0,
        "recorded": START + order,
        **{f"metric.{name}": means["search"][:, place] for place, name in enumerate(names)},
        **shared,
    }
    confirmations = {
        "run": np.arange(len(plan)),
        "trial": [trial for trial, _ in plan],
        "split": "confirm",
        "state": "COMPLETE",
        "reason": "",
        "steps": STEPS,
        "seed": np.arange(len(plan)) + count,
        **{f"metric.{name}": means["confirm"][:, place] for place, name in enumerate(names)},
    }
    return SweepTables(
        trials=_frame("trials", columns, trials),
        reports=_frame("reports", columns, reports),
        decisions=_frame("decisions", columns, {}),
        confirmations=_frame("confirmations", columns, confirmations),
        columns=columns,
        metadata=metadata,
    )


def _frame(table: TableName, columns: RecordColumns, cells: Mapping[str, Any]) -> pd.DataFrame:
    names = table_schema(table, columns).names
    return pd.DataFrame(dict(cells)).reindex(columns=names) if cells else pd.DataFrame(columns=names)
