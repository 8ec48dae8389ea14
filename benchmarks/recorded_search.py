"""Pruners on other people's learning curves, and samplers in other people's table."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean

import numpy as np
from pruning_rules import DIRECTIONS, MOASHA, WITHOUT_AUDIT, RandomStop
from ray_tune import RayAsha, make_scheduler
from recorded_tables import SCORES, UNTRAINED, read_curves, read_table

from results.pareto import hypervolume
from search.blackbox import Blackbox, Nearest, replay
from search.pruners import Pruner
from search.simulator import completed, simulate
from search.spec import PrunerConfig

TRIALS = 100
NOTHING_LEARNT = (float(np.exp(-1.0)), 0.0)
"""Reference in the table: the loss of the mean of normalised targets, and the largest model."""

Made = Callable[[Blackbox, int], Pruner]


def _ray(score: Callable[[Mapping[str, float]], float], eta: int) -> Made:
    return lambda blackbox, seed: RayAsha(make_scheduler(blackbox.spec, eta=eta), SCORES, score=score)


RULES: Mapping[str, tuple[Mapping[str, object], Made | None]] = {
    "eod (default)": ({}, None),
    "median_all": ({"name": "median_all"}, None),
    "moasha": (MOASHA, None),
    "Ray Tune's ASHA, validation, η 4": (WITHOUT_AUDIT, _ray(lambda scores: scores[SCORES[1]], 4)),
    "Ray Tune's ASHA, mean, η 2": (WITHOUT_AUDIT, _ray(lambda scores: fmean(scores.values()), 2)),
    "stop at random": (WITHOUT_AUDIT, lambda blackbox, seed: RandomStop(seed, steps=(6, 12, 25))),
}


def curves(folder: Path, *, seeds: range) -> None:
    files = sorted(folder.glob("*.json"))
    print(f"\n## Learning curves by others, {len(seeds)} orders of each set\n")
    print("Cost as a share of all curves / hypervolume divided by `none` / share of the front that was stopped.\n")
    print(f"| rule | {' | '.join(file.name.split('.')[0] for file in files)} |\n|{' --- |' * (1 + len(files))}")
    for name, (config, make) in RULES.items():
        cells: list[str] = []
        for file in files:
            costs, ratios, lost = [], [], []
            for seed in seeds:
                blackbox = read_curves(file, order=random.Random(seed))
                pruner = make(blackbox, seed) if make else None
                found = replay(blackbox, PrunerConfig.model_validate(config), pruner=pruner)
                is_kept = [trial.number not in found.stopped for trial in blackbox.completed()]
                whole = blackbox.finals()
                volumes = [hypervolume(each, DIRECTIONS, reference=UNTRAINED) for each in (whole[is_kept], whole)]
                costs.append(found.spent_s / found.recorded_s)
                ratios.append(volumes[0] / volumes[1])
                lost.append(len(found.lost) / len(blackbox.front()))
            cells.append(f"{np.mean(costs):.2f} / {np.mean(ratios):.3f} / {np.mean(lost):.0%}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def table(path: Path, *, seeds: range) -> None:
    print(f"\n## Samplers in a table by others: {TRIALS} trials on 4 workers, {len(seeds)} seeds\n")
    print("Hypervolume of what was found, with the mean loss of four trainings, divided by that of all 6,000 rows.\n")
    print("| sampler | after 25 trials | after 50 | after 100 |\n| --- | --- | --- | --- |")
    tables = {seed % 4: read_table(path, seed=seed) for seed in seeds}
    for sampler in ("random", "tpe", "nsgaii"):
        rows: list[list[float]] = []
        for seed in seeds:
            blackbox, scores = tables[seed % 4]
            nearest = Nearest(blackbox)
            search = {"sampler": {"name": sampler}, "trials": TRIALS, "seed": seed}
            update = blackbox.spec.search.model_validate({**blackbox.spec.search.model_dump(), **search})
            record = simulate(blackbox.spec.model_copy(update={"search": update}), nearest)
            found = scores[[nearest.of(each.config).number for each in completed(record)]]
            best = hypervolume(scores, DIRECTIONS, reference=NOTHING_LEARNT)
            rows.append([hypervolume(found[:n], DIRECTIONS, reference=NOTHING_LEARNT) / best for n in (25, 50, 100)])
        means, errors = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / len(rows) ** 0.5
        cells = [f"{mean:.3f} ± {error:.3f}" for mean, error in zip(means, errors, strict=True)]
        print(f"| {sampler} | {' | '.join(cells)} |", flush=True)


def main(data: str | None, *, seeds: range) -> None:
    """Print both tables, if their data is there.

    Args:
        data: The folder that holds them; ``PARETUNE_DATA``, or ``shared/data`` beside the project, if absent.
        seeds: Of orders and searches.

    """
    beside = Path(__file__).parents[2] / "shared" / "data"
    home = Path(data or os.environ.get("PARETUNE_DATA", beside))
    if not (home / "taskset-curves").is_dir():
        print(f"\nNo data by others in {home}; name its folder with --data.")
        return
    curves(home / "taskset-curves", seeds=seeds)
    table(home / "hpolib-triobjective" / "protein_structure.csv.gz", seeds=seeds)
