"""What the driver itself costs, after 100, 1,000 and 5,000 trials.

The hub is the real one, on a real study in SQLite and a real record on disk; only the trials are made up. The last
hundred trials before each number are really run, those before them put into study and record at once. Times are CPU
time of the driver's process, since other programs may share the machine. The space is that of
``examples/losses.yaml``, the largest of the examples. Optuna's own TPE with the same settings, which looks at all
trials, asks the same study for comparison. At the end shorter runs of made-up trials in a real Ray show what share of
Ray Tune's loop goes into saving state, in ours and in Ray Tune as it comes.

Run: ``python benchmarks/driver.py``; ``--trials 100 1000`` is done in a few minutes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from bulk_sweep import make_sweep
from driver_loop import ASK, COMPANION, END, GO_ON, JUDGE, PARQUET, STUDY, WINDOW, Measured, measure

from search.ray_settings import set_up_ray
from search.spec import SweepSpec
from search.spec_file import load_spec

ROOT = Path(__file__).resolve().parent.parent
SIZES = (100, 1000, 5000)
RAY_TRIALS, RAY_WORKERS = 200, 2
WORKERS = 4
TRAINING_S = 120.0
"""How long the shortest trials are for which the driver's share is given."""

Line = tuple[str, Callable[[Measured], str]]


def _ms(label: str, share: float = 0.95) -> Callable[[Measured], str]:
    def cell(at: Measured) -> str:
        took = 1000 * np.array(at.latencies_s.get(label, [np.nan]))
        return f"{np.median(took):.1f} / {np.quantile(took, share):.1f}"

    return cell


def _per_trial_ms(*labels: str) -> Callable[[Measured], str]:
    """Give what all calls of some labels took for each trial of the window."""
    return lambda at: f"{1000 * _per_trial_s(at, *labels):.0f}"


def _per_trial_s(at: Measured, *labels: str) -> float:
    return sum(sum(at.latencies_s.get(label, [])) for label in labels) / max(len(at.latencies_s[END]), 1)


def _ratio(at: Measured) -> str:
    return f"{np.median(at.stock_asks_s) / np.median(at.latencies_s[ASK]):.1f}"


def _stock_ms(at: Measured) -> str:
    took = 1000 * np.array(at.stock_asks_s)
    return f"{np.median(took):.1f} / {np.quantile(took, 0.95):.1f}"


def _mib(count: float) -> str:
    return f"{count / 2**20:.1f}"


def _cpu_share(at: Measured) -> str:
    return f"{100 * WORKERS * _per_trial_s(at, ASK, GO_ON, END) / TRAINING_S:.1f} %"


def _share(at: Measured) -> str:
    return f"{100 * WORKERS * at.wall_s / TRAINING_S:.1f} %"


LINES: Sequence[Line] = (
    ("ask, ms: median / p95", _ms(ASK)),
    ("Optuna's own TPE: ask and draw, ms", _stock_ms),
    ("Optuna's time by ours", _ratio),
    ("decision alone, ms: median / p99", _ms(JUDGE, 0.99)),
    ("report after which a trial goes on, ms: median / p95", _ms(GO_ON)),
    ("report that ends a trial, ms: median / p95", _ms(END)),
    ("all of it for one trial, ms", _per_trial_ms(ASK, GO_ON, END)),
    ("of it the record (Parquet), ms", _per_trial_ms(PARQUET)),
    ("of it the study without drawing (SQLite), ms", _per_trial_ms(STUDY)),
    ("of it the companion study, ms", _per_trial_ms(COMPANION)),
    (f"the driver's share with {WORKERS} workers and trials of {TRAINING_S:.0f} s, CPU time", _cpu_share),
    ("the same, waiting for the disk and other programs included", _share),
    ("memory of the process before a hub is open, MiB", lambda at: _mib(at.memory_bytes[0])),
    ("memory that opening the hub adds, MiB", lambda at: _mib(at.memory_bytes[1] - at.memory_bytes[0])),
    (f"memory that the last {WINDOW} trials add, MiB", lambda at: _mib(at.memory_bytes[2] - at.memory_bytes[1])),
    ("`study.db`, MiB", lambda at: _mib(at.study_bytes)),
    ("Parquet, MiB", lambda at: _mib(at.record_bytes)),
    ("Parquet, files", lambda at: f"{at.parts:,}"),
    (f"resume, {WINDOW} trials before, s", lambda at: f"{at.resume_s:.1f}"),
    ("report, s", lambda at: f"{at.report_s:.1f}"),
)


def table(found: Sequence[Measured]) -> Iterable[str]:
    """Give the table, one column for each size."""
    yield "| after trials | " + " | ".join(f"{at.trials:,}" for at in found) + " |"
    yield "|" + " --- |" * (len(found) + 1)
    for name, cell in LINES:
        yield f"| {name} | " + " | ".join(cell(at) for at in found) + " |"


def measured(spec: SweepSpec, place: Path, size: int) -> Measured:
    """Make a sweep and measure it, each in a process of its own."""
    folder, spec = place / f"sweep-{size}", spec_with(spec, trials=size + WORKERS)
    if size > WINDOW:
        _elsewhere(make_sweep, spec, folder, ended=size - WINDOW)
    return _elsewhere(measure, spec, folder, size)


def _elsewhere(call: Callable[..., Any], *args: Any, **settings: Any) -> Any:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(call, *args, **settings).result()


def ray_table(spec: SweepSpec, folder: Path) -> Iterable[str]:
    """Run both and give the table of shares."""
    set_up_ray("local")
    from ray_saving import saving  # reads the settings when it is imported

    mine, stock = saving(spec, folder)
    yield f"Share of Ray Tune's loop, {spec.search.trials} trials that only hand out reports, wall time\n"
    yield "| | ours | Ray Tune's defaults |\n| --- | --- | --- |"
    yield f"| trials | {mine.trials} | {stock.trials} |"
    yield f"| loop, s | {mine.loop_s:.1f} | {stock.loop_s:.1f} |"
    for name, ours, theirs in (
        ("Ray's checkpoints and loggers", mine.ray_s, stock.ray_s),
        ("record and study", mine.ours_s, stock.ours_s),
    ):
        yield f"| {name} | {100 * ours / mine.loop_s:.1f} % | {100 * theirs / stock.loop_s:.1f} % |"
    yield f"| Ray's saving of one trial, ms | {_each(mine.ray_s, mine.trials)} | {_each(stock.ray_s, stock.trials)} |"


def _each(seconds: float, trials: int) -> str:
    return f"{1000 * seconds / trials:.1f}"


def spec_with(spec: SweepSpec, *, trials: int, workers: int = WORKERS) -> SweepSpec:
    """Give a sweep of so many trials on some workers."""
    search = spec.search.model_copy(update={"trials": trials, "concurrency": workers})
    return spec.model_copy(update={"search": search})


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=SIZES, help="when to measure")
    parser.add_argument("--ray-trials", type=int, default=RAY_TRIALS, help="trials in a real Ray; 0 leaves it out")
    parser.add_argument("--file", type=Path, default=ROOT / "examples" / "losses.yaml", help="a sweep file")
    parser.add_argument("--place", type=Path, help="folder on the disk to measure; the temporary one if absent")
    arguments = parser.parse_args(given)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    spec, found = load_spec(arguments.file), list[Measured]()
    with tempfile.TemporaryDirectory(dir=arguments.place) as place:
        for size in arguments.trials:
            found.append(measured(spec, Path(place), size))
            print(f"{size} trials are measured", flush=True)
        print(f"\nCPU time of the driver over the {WINDOW} trials before each size\n")
        print("\n".join(table(found)), flush=True)
        if arguments.ray_trials:
            print()
            short = spec_with(spec, trials=arguments.ray_trials, workers=RAY_WORKERS)
            print("\n".join(ray_table(short, Path(place))))


if __name__ == "__main__":
    main()
