"""How long a sampler takes to give the next trial, beside Optuna's own TPE that looks at all trials.

For each sampler and number of finished trials, the CPU time of one ask: proposing a point, drawing it whole and writing
it into the study. Half of the trials are stopped ones. The space is that of ``examples/losses.yaml``, the largest of
the examples, or of another sweep file.

Run: ``python benchmarks/asking.py``
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import optuna
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

import search.study_trials
from search.memory_study import memory_studies
from search.opener import Opener
from search.recorder import Ending
from search.samplers import make_sampler
from search.spec import SamplerConfig, SweepSpec
from search.spec_file import load_spec
from search.study import open_studies
from search.study_trials import StudyTrials

ROOT = Path(__file__).resolve().parent.parent
ASKS = 30
COUNTS = (100, 500, 2000)
DIRECTIONS = ("maximize", "maximize")
ALL_TRIALS = "tpe, all trials"


def finished(spec: SweepSpec, count: int) -> list[FrozenTrial]:
    """Make trials of random points with random scores."""
    study, draw = memory_studies(DIRECTIONS).main, random.Random(0)
    study.sampler = optuna.samplers.RandomSampler(seed=1)
    made: list[FrozenTrial] = []
    for _ in range(count):
        trial = study.ask()
        spec.space.draw(trial)
        is_complete = draw.random() < 0.5
        made.append(
            create_trial(
                state=TrialState.COMPLETE if is_complete else TrialState.PRUNED,
                values=[draw.random(), draw.random()] if is_complete else None,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs={"attempt": 0, "report:0:1": {"values": [0.1, 0.2], "exposure": [0.1, 0.2], "seconds": 3.0}},
            )
        )
    return made


def asks_ms(spec: SweepSpec, study: optuna.Study, sampler: SamplerConfig) -> list[float]:
    """Time asks, each told as complete."""
    trials, draw = StudyTrials(study, sampler=sampler, seed=0), random.Random(2)
    opener, took = Opener(spec, trials, now=lambda: datetime.now(UTC)), []
    for _ in range(ASKS):
        start = time.process_time()
        number = opener.ask()
        opener.open(number, 0, from_step=0)
        took.append(1000 * (time.process_time() - start))
        trials.tell(number, Ending("COMPLETE", "made up", (draw.random(), draw.random())))
    return took


def _unbounded(config: SamplerConfig, *, seed: int) -> BaseSampler:
    return TPESampler(n_startup_trials=10, multivariate=True, group=True, constant_liar=True, seed=seed)


def _with(make: Callable[..., BaseSampler], run: Callable[[], list[float]]) -> list[float]:
    """Run with another maker of samplers."""
    search.study_trials.make_sampler = make
    try:
        return run()
    finally:
        search.study_trials.make_sampler = make_sampler


def row(spec: SweepSpec, name: str, trials: Sequence[FrozenTrial], *, on_disk: bool) -> str:
    """Measure one cell: median and 95th percentile."""
    with tempfile.TemporaryDirectory() as folder:
        studies = (
            open_studies(Path(folder), storage=None, directions=DIRECTIONS) if on_disk else memory_studies(DIRECTIONS)
        )
        studies.main.add_trials(trials)
        config = SamplerConfig(name="tpe" if name == ALL_TRIALS else name)  # type: ignore[arg-type]
        make = _unbounded if name == ALL_TRIALS else make_sampler
        took = _with(make, lambda: asks_ms(spec, studies.main, config))
    return f"{np.median(took):.0f} / {np.quantile(took, 0.95):.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, default=ROOT / "examples" / "losses.yaml", help="a sweep file")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    spec = load_spec(arguments.file)
    print("Milliseconds of CPU time of one ask, median / 95th percentile, by finished trials\n")
    heads = [f"{count}, {place}" for count in COUNTS for place in ("memory", "SQLite")]
    print("| sampler | " + " | ".join(heads) + " |\n|" + " --- |" * (len(heads) + 1))
    made = {count: finished(spec, count) for count in COUNTS}
    for name in (ALL_TRIALS, "tpe", "nsgaii", "random", "qmc"):
        cells = [row(spec, name, made[count], on_disk=on_disk) for count in COUNTS for on_disk in (False, True)]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
