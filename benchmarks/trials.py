"""CPU seconds, wall seconds and memory of a whole short trial, against Ray Tune with the Trainer of transformers.

Arms, all of them under Ray Tune on one core with one torch thread, one trial at a time:

* ``fresh``, the baseline: a function trainable, a new process for each trial, the Trainer with PEFT, full logits,
  images decoded and rows tokenised in the collator, ``generate`` at the end (``trials_baseline.py``);
* ``reused``: the same trial in a reused actor, so that a process is started and imports its libraries once;
* ``warm``: paretune's ``RayTrial`` in a reused actor with a checkpoint after the report, as its sweeps run it.

Trials of one number have the same config in every arm; the numbers differ in their learning rates. Losses of every
step and of the true answers must agree to 1e-5, or the benchmark fails.

CPU seconds of a trial are those of the worker that ran it, from the start of its process to its end, imports, loading
and children included; a worker of several trials is divided at their ends. What Ray's daemons, idle workers and the
driver use is printed beside it, without the watch itself. A warm worker's first trial pays what is paid once: its
start, imports, the base, and what is kept for later trials; an arm of reused workers runs at least two trials, so that
this can be told apart.

Imports are from cached byte code: whatever Python is told here, it is compiled before the first turn.

Run: ``python benchmarks/trials.py --size all --trials 2``; where there is a GPU also ``--size 2b``, which measures
packs of 1, 2, 4 and 8 trials as well, and compares losses to the digits that bfloat16 has.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from search.ray_settings import set_up_ray

set_up_ray("local")  # before Ray is imported, hence the order

import torch  # noqa: E402
from process_watch import ProcessWatch  # noqa: E402
from ray import tune  # noqa: E402
from trials_arms import Reused, Warm, fresh  # noqa: E402
from trials_costs import (  # noqa: E402
    Turn,
    costs_of,
    largest_difference,
    mark_of,
    score_differences,
    table,
)
from trials_levers import lever_table  # noqa: E402
from trials_packs import pack_table  # noqa: E402
from trials_shape import SIZES, Made, Shape, made, trial_config  # noqa: E402

from search.cluster import connected_ray  # noqa: E402
from search.landscapes import OBJECTIVES  # noqa: E402
from search.spec import SweepSpec  # noqa: E402
from trainable.checkpoints import CheckpointPlace  # noqa: E402
from trainable.messages import CHECKPOINT_KEY, TRIAL_KEY  # noqa: E402

ARMS: Mapping[str, Any] = {"fresh": fresh, "warm": Warm, "reused": Reused}
"""In the order in which they take turns."""


def prepare_imports(cache: Path) -> None:
    """Let every process that is started from now on find the arms, and the byte code of all that they import."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.update(PYTHONPATH=str(Path(__file__).parent), PYTHONPYCACHEPREFIX=str(cache))
    subprocess.run(
        [sys.executable, "-c", "from trials_arms import rehearse; rehearse()"], check=True, stdout=subprocess.DEVNULL
    )


def run_arm(
    arm: str, given: Made, shape: Shape, *, trials: int, scratch: Path, watch: ProcessWatch, gpus: int = 0
) -> Turn:
    """Run the trials of an arm, one at a time.

    Raises:
        RuntimeError: If one fails.

    """
    configs = [trial_config(number, given, shape).model_dump_json() for number in range(trials)]
    place = CheckpointPlace(folder=str(scratch / "checkpoints"))
    Path(place.folder).mkdir(parents=True, exist_ok=True)
    before, began_s = watch.look(), time.monotonic()
    grid = tune.Tuner(
        tune.with_resources(ARMS[arm], {"cpu": 1, "gpu": gpus}),
        param_space={TRIAL_KEY: tune.grid_search(configs), CHECKPOINT_KEY: place.model_dump_json()},
        tune_config=tune.TuneConfig(max_concurrent_trials=1, reuse_actors=arm != "fresh"),
        run_config=tune.RunConfig(
            name=arm,
            storage_path=str(scratch / "ray"),
            verbose=0,
            stop={"training_iteration": 1},
            failure_config=tune.FailureConfig(max_failures=0),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
        ),
    ).fit()
    if grid.errors:
        raise RuntimeError(f"a trial of the arm {arm} failed: {grid.errors[0]}")
    marks = sorted((mark_of(result.metrics or {}) for result in grid), key=lambda mark: mark.ended_s)
    workers = {mark.pid for mark in marks}
    watch.wait_for_end(workers)
    after = watch.look()
    around_s = sum(
        used.cpu_s - (before[pid].cpu_s if pid in before else 0.0) for pid, used in after.items() if pid not in workers
    )
    return Turn(list(costs_of(marks, after, began_s=began_s)), around_s / trials)


def run_size(size: str, arguments: argparse.Namespace, scratch: Path) -> Iterator[str]:
    """Run every arm in turns, and say what came out."""
    shape, gpus = _shape(size, arguments), int(SIZES[size].needs_gpu)
    turns: dict[str, list[Turn]] = {arm: [] for arm in ARMS if arm in arguments.arms}
    spec = SweepSpec.model_validate(
        {"data": {"sources": [{"source": "shapes"}]}, "objectives": OBJECTIVES, "search": {"concurrency": 1}}
    )
    with connected_ray(spec), ProcessWatch() as watch:
        for turn in range(arguments.repeats):
            for arm, done in turns.items():
                trials = arguments.trials if arm == "fresh" else max(2, arguments.trials)
                where = scratch / f"{size}-{arm}-{turn}"
                given = made(size, scratch, cache=where / "features")  # nothing was kept by an earlier turn
                done.append(run_arm(arm, given, shape, trials=trials, scratch=where, watch=watch, gpus=gpus))
                spent = ", ".join(f"{cost.cpu_s:.1f}" for cost in done[-1].costs)
                print(f"  {size}, {arm}, turn {turn + 1}: CPU-s of its trials {spent}", flush=True)
    marks = [cost.mark for rounds in turns.values() for turn in rounds for cost in turn.costs]
    tolerance = SIZES[size].tolerance
    difference = largest_difference(marks, tolerance=tolerance)
    lengths = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in asdict(shape).items())
    yield f"\n## {size}: {SIZES[size].words}\n\nA trial: {lengths}.\n"
    yield from table(turns, amortise=arguments.amortise)
    yield f"\nLosses of the same step or true answers differ by {difference:.1e} at most; {tolerance:g} is allowed."
    gaps = score_differences(marks)
    if gaps:
        name = max(gaps, key=lambda each: gaps[each])
        yield f"Of {len(gaps)} scores that the arms share, {name} differs most, by {gaps[name]:.1e}."
    if gpus:
        yield f"\nPacks, {size}:\n"
        yield from pack_table(made(size, scratch), shape)
    if arguments.levers:
        yield f"\nEach lever's own ratio, {size}:\n"
        yield from lever_table(made(size, scratch), shape)


def _shape(size: str, arguments: argparse.Namespace) -> Shape:
    """Give the trials of a size, with what was asked for otherwise."""
    asked = {each.name: getattr(arguments, each.name) for each in fields(Shape)}
    return replace(SIZES[size].shape, **{name: value for name, value in asked.items() if value is not None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=(*SIZES, "all"), default="all", help="all: those that need no GPU")
    parser.add_argument("--arms", nargs="+", choices=tuple(ARMS), default=list(ARMS))
    parser.add_argument("--trials", type=int, default=4, help="of an arm in one turn; at least 2 in reused workers")
    parser.add_argument("--repeats", type=int, default=1, help="turns of every arm")
    parser.add_argument("--amortise", type=int, default=50, help="trials that share what is paid once, in one column")
    parser.add_argument("--no-levers", dest="levers", action="store_false", help="leave out the table of single levers")
    for each in fields(Shape):
        name = f"--{each.name.replace('_', '-')}"
        parser.add_argument(name, type=int, help="of a trial; by default what the size says")
    arguments = parser.parse_args()
    asked = arguments.size
    sizes = [name for name, size in SIZES.items() if name == asked or (asked == "all" and not size.needs_gpu)]
    if any(SIZES[name].needs_gpu for name in sizes) and not torch.cuda.is_available():
        parser.error(f"--size {asked} needs a GPU, and torch finds none; expected a build of torch with CUDA")
    with tempfile.TemporaryDirectory(prefix="trials-") as folder:
        prepare_imports(Path(folder) / "bytecode")
        for size in sizes:
            for line in run_size(size, arguments, Path(folder)):
                print(line, flush=True)


if __name__ == "__main__":
    main()
