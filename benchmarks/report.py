"""The report of a large sweep: seconds to read and to build, size, and how long a reader waits for the page.

Made tables: 5,000 trials with 200 reports each, with the columns of ``examples/shapes.yaml``. Reading the record is
measured apart from building the report, whose goals are 3 MB and 5 s. What a reader waits for is what the browser
calls event timing: from a click or a key to the next picture on the screen; the goal is a 95 % quantile of 200 ms.
Baseline of the build: reading the same record.

Run: ``python benchmarks/report.py``
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from results import read_sweep, write_report, write_sweep_json
from results.parts import part_path
from results.report.page_data import PAGE_BYTES
from results.schema import RecordColumns, TableName, file_metadata, table_schema
from search.explain import explain
from search.recorder import record_columns
from search.spec import SweepSpec
from search.spec_file import load_spec
from search.sweep_spec import SPEC_KEY

_Result = TypeVar("_Result")
TRIALS, REPORTS, STEPS = 5_000, 200, 1_000
GOAL_S, GOAL_MS = 5.0, 200.0
ROWS_PER_PART = 100_000
PRUNED, FAILED = 0.55, 0.03
ACTIONS = 60
_WATCH = """() => { window.waits = [];
    new PerformanceObserver((list) => { for (const entry of list.getEntries())
        if (entry.interactionId) window.waits.push([entry.interactionId, entry.duration]); })
        .observe({ type: "event", durationThreshold: 16, buffered: false }); }"""
_FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@dataclass(frozen=True)
class Waits:
    """What a reader waited for, in milliseconds.

    Attributes:
        name: What was done.
        times: From each click or key to the next picture; 16 where the browser saw no longer wait.

    """

    name: str
    times: tuple[float, ...]

    @property
    def p95(self) -> float:
        """The 95 % quantile."""
        return float(np.quantile(self.times, 0.95))


@dataclass(frozen=True)
class Taken:
    """How long something took, by the clock and on the processors."""

    wall_s: float
    cpu_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--reports", type=int, default=REPORTS)
    arguments = parser.parse_args()
    spec = load_spec(Path(__file__).parent.parent / "examples" / "shapes.yaml")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_tables(spec, folder, trials=arguments.trials, reports=arguments.reports)
        tables, reading = _timed(lambda: read_sweep(folder))
        print(f"{arguments.trials:,} trials, {len(tables.reports):,} reports, {len(tables.reports.columns)} columns")
        files, whole = _timed(lambda: write_report(folder, explain=explain))
        size = files.html.stat().st_size
        build_s = whole.cpu_s - reading.cpu_s
        print(f"reading the record {reading.wall_s:6.2f} s ({reading.cpu_s:.2f} s of CPU)")
        ratio = whole.cpu_s / reading.cpu_s
        print(f"with the report    {whole.wall_s:6.2f} s ({whole.cpu_s:.2f} s of CPU), {ratio:.1f} times as much")
        print(f"so building takes  {build_s:6.2f} s of CPU (goal {GOAL_S:.0f} s: {_met(build_s <= GOAL_S)})")
        print(f"size {size / 1e6:5.2f} MB (goal {PAGE_BYTES / 1e6:.0f} MB: {_met(size <= PAGE_BYTES)})")
        for waits in measure_page(files.html):
            print(f"{waits.name:>22}: p95 {waits.p95:4.0f} ms (goal {GOAL_MS:.0f} ms: {_met(waits.p95 <= GOAL_MS)})")


def _timed(act: Callable[[], _Result]) -> tuple[_Result, Taken]:
    start, cpu = time.perf_counter(), time.process_time()
    result = act()
    return result, Taken(time.perf_counter() - start, time.process_time() - cpu)


def _met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


def make_tables(spec: SweepSpec, folder: Path, *, trials: int, reports: int, seed: int = 0) -> None:
    """Write the record of a large sweep with made-up scores, in large parts.

    Args:
        spec: Gives the columns.
        folder: Of the sweep.
        trials: Number of trials; some are pruned and some fail.
        reports: Reports of a trial that completes.
        seed: Of all draws.

    """
    rng = np.random.default_rng(seed)
    columns = record_columns(spec)
    metadata = {SPEC_KEY: spec.model_dump_json(), "data_hash": "made"}
    write_sweep_json(folder, columns, metadata=metadata)
    state = rng.choice(["COMPLETE", "PRUNED", "FAIL"], trials, p=[1 - PRUNED - FAILED, PRUNED, FAILED])
    state[0] = "COMPLETE"
    last = np.where(state == "COMPLETE", reports, rng.integers(1, reports, trials))
    share = rng.random(trials)
    finals = np.column_stack([0.4 + 0.3 * share, 0.75 - 0.25 * share**2]) + rng.normal(0, 0.03, (trials, 2))
    first, second = (f"{objective.name}" for objective in columns.objectives)
    steps = np.arange(1, reports + 1) * (STEPS // reports or 1)
    trial = np.repeat(np.arange(trials, dtype=np.int32), last)
    place = np.concatenate([np.arange(count) for count in last])
    progress = (place + 1) / reports
    rise = 1 - np.exp(-4 * progress)
    moment = pa.scalar(datetime(2026, 3, 1, tzinfo=UTC), pa.timestamp("us", tz="UTC"))
    cells: dict[str, Any] = {
        "trial": trial,
        "attempt": np.zeros(len(trial), np.int32),
        "step": steps[place].astype(np.int32),
        "progress": progress,
        "seconds": 2.0 * (place + 1),
        f"metric.{first}": finals[trial, 0] * rise,
        f"metric.{second}": finals[trial, 1] * rise,
        "metric.grounding.constant_box_miou": np.full(len(trial), 0.13),
        "metric.grounding.parse_failure_rate": 0.1 * np.exp(-5 * progress),
        **{f"loss.{term}": 3 * np.exp(-3 * progress) for term in columns.terms[:4]},
        **{f"weight.{term}": np.ones(len(trial)) for term in columns.terms[:4]},
        **{f"weighted.{term}": 3 * np.exp(-3 * progress) for term in columns.terms[:4]},
    }
    _write(folder, "reports", columns, metadata, cells, count=len(trial), moment=moment)
    seconds = 2.0 * last
    ended: dict[str, Any] = {
        "trial": np.arange(trials, dtype=np.int32),
        "state": state,
        "reason": [f"{one.lower()} at report {at}" for one, at in zip(state, last, strict=True)],
        "role": ["baseline", *["search"] * (trials - 1)],
        "attempt": np.zeros(trials, np.int32),
        "steps": steps[last - 1].astype(np.int32),
        "seconds": seconds,
        "seed": np.arange(trials),
        **_params(columns, trials, rng),
        f"value.{first}": np.where(state == "COMPLETE", finals[:, 0] * rise.max(), np.nan),
        f"value.{second}": np.where(state == "COMPLETE", finals[:, 1] * rise.max(), np.nan),
    }
    _write(folder, "trials", columns, metadata, ended, count=trials, moment=moment)
    stops = np.flatnonzero(state == "PRUNED").astype(np.int32)
    decisions = {
        "trial": stops,
        "attempt": np.zeros(len(stops), np.int32),
        "step": steps[last[stops] - 1].astype(np.int32),
        "verdict": ["STOP"] * len(stops),
        "pruner": ["eod"] * len(stops),
        "reason": ["beaten in all objectives"] * len(stops),
    }
    _write(folder, "decisions", columns, metadata, decisions, count=len(stops), moment=moment)


def _params(columns: RecordColumns, trials: int, rng: np.random.Generator) -> dict[str, Any]:
    drawn: dict[str, Any] = {
        "adapter.rank": rng.choice([4, 8, 16, 32], trials),
        "adapter.targets": rng.choice(["attention", "mlp", "all"], trials),
        "optimizer.learning_rate": 10 ** rng.uniform(-3.5, -2, trials),
        "mixture.box_ce.weight": 10 ** rng.uniform(-0.5, 0.5, trials),
        "mixture.ntl_was.on": rng.random(trials) < 0.5,
        "mixture.ntl_was.weight": rng.uniform(0.1, 4, trials),
        "curriculum.grounding_share": rng.uniform(0.3, 0.7, trials),
    }
    return {f"param.{key}": values for key, values in drawn.items() if key in columns.params}


def _write(
    folder: Path,
    table: TableName,
    columns: RecordColumns,
    metadata: dict[str, str],
    cells: dict[str, Any],
    *,
    count: int,
    moment: pa.Scalar,
) -> None:
    schema = table_schema(table, columns).with_metadata(file_metadata(columns, metadata))
    times = {"recorded", "started", "ended"}
    arrays = [
        pa.array(cells[field.name], field.type, from_pandas=True)
        if field.name in cells
        else pa.repeat(moment, count)
        if field.name in times
        else pa.nulls(count, field.type)
        for field in schema
    ]
    whole = pa.Table.from_arrays(arrays, schema=schema)
    (folder / table).mkdir()
    for number, start in enumerate(range(0, max(count, 1), ROWS_PER_PART)):
        pq.write_table(whole.slice(start, ROWS_PER_PART), part_path(folder, table, number=number))


def measure_page(path: Path) -> list[Waits]:
    """Click and type in a page, and give what a reader waited for each kind of action."""
    from playwright.sync_api import sync_playwright

    browser_path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    random = Random(0)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        view = browser.new_page(viewport={"width": 1360, "height": 900})
        view.goto(path.as_uri())
        view.wait_for_selector("html[data-ready]")
        view.evaluate(_WATCH)
        chart = view.locator("#front-chart")
        chart.scroll_into_view_if_needed()
        box = chart.bounding_box()
        assert box is not None

        def spot() -> tuple[float, float]:
            return box["x"] + random.uniform(80, box["width"] - 40), box["y"] + random.uniform(40, box["height"] - 80)

        def drag() -> None:
            (x0, y0), (x1, y1) = spot(), spot()
            view.mouse.move(x0, y0)
            view.mouse.down()
            view.mouse.move(x1, y1, steps=3)
            view.mouse.up()

        found = [
            _waits(view, "click in the front", lambda: view.mouse.click(*spot())),
            _waits(view, "box in the front", drag),
        ]
        chart.focus()
        found.append(_waits(view, "arrow key in the front", lambda: view.keyboard.press("ArrowRight")))
        for name in ("curves", "answers", "settings"):
            found.append(_waits(view, f"tab {name}", view.locator(f"#tab-{name}").click, actions=5))
        search = view.get_by_role("searchbox")
        search.focus()
        letters = iter("all 16 task" * ACTIONS)
        found.append(_waits(view, "key in the filter", lambda: view.keyboard.type(next(letters))))
        search.fill("")
        heads = view.locator("#trials-table thead button")
        count = heads.count()
        found.append(_waits(view, "sorting the table", lambda: heads.nth(random.randrange(count)).click(), actions=20))
        browser.close()
    return found


def _waits(view: Any, name: str, act: Any, *, actions: int = ACTIONS) -> Waits:
    times: list[float] = []
    for _ in range(actions):
        view.evaluate("() => { window.waits.length = 0; }")
        act()
        view.evaluate(_FRAME)
        view.wait_for_timeout(30)
        seen = view.evaluate("() => window.waits.map((one) => one[1])")
        times.append(max([16.0, *seen]))
    return Waits(name, tuple(times))


if __name__ == "__main__":
    main()
