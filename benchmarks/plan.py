"""What ``paretune plan`` foresees of a sweep, against what the sweep then takes.

Runs ``paretune plan --measure``, then the sweep, then ``paretune plan --like`` of it, and prints foreseen by actual for
time, hours of cores and disk. The goal is 15 % either way, after calibration. The machine's other work changes both.

Run: ``python benchmarks/plan.py [FILE] [--set KEY=VALUE]``
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PARETUNE = Path(sys.executable).with_name("paretune")


def run(*words: str, cwd: Path) -> tuple[dict[str, Any], float]:
    """Run the command with ``--json``; gives its result and its seconds."""
    start = time.monotonic()
    done = subprocess.run(
        [str(PARETUNE), *words, "--json"], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    return json.loads(done.stdout), time.monotonic() - start


def actual(folder: Path, wall_s: float) -> Mapping[str, float]:
    """Give what a sweep took."""
    import pandas as pd

    trials = pd.read_parquet(folder / "trials")
    kept = sum(
        path.stat().st_size for path in folder.rglob("*") if path.is_file() and "report" not in path.parts[-2:-1]
    )
    return {
        "wall, s": wall_s,
        "core-hours": float((trials["ended"] - trials["started"]).dt.total_seconds().sum()) / 3600,
        "disk, MB": kept / 1e6,
    }


def foreseen(plan: Mapping[str, Any]) -> Mapping[str, float]:
    """Give the same of a plan."""
    disk = plan["disk_bytes"]["high"]
    return {
        "wall, s": plan["expected"]["seconds"],
        "core-hours": plan["expected"]["core_hours"],
        "disk, MB": (disk["record"] + disk["study"] + disk["checkpoints"]) / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "examples" / "shapes.yaml")
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    options = parser.parse_args()
    changed = [word for text in options.overrides for word in ("--set", text)]
    file = str(options.file.absolute())
    with tempfile.TemporaryDirectory(prefix="plan-") as name:
        home = Path(name)
        print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
        measured, measuring_s = run("plan", file, *changed, "--measure", cwd=home)
        print(f"measuring took {measuring_s:.0f} s; load {os.getloadavg()[0]:.1f}", flush=True)
        again, planning_s = run("plan", file, *changed, cwd=home)
        result, wall_s = run("sweep", file, *changed, "--out", "sweep", cwd=home)
        print(f"the sweep took {wall_s:.0f} s; load {os.getloadavg()[0]:.1f}", flush=True)
        like, _ = run("plan", file, *changed, "--like", "sweep", cwd=home)
        found = actual(home / "sweep", wall_s)
    print(f"a plan from what is kept takes {planning_s:.2f} s; states {result['states']}")
    assert again["calibration"]["step_s"] == measured["calibration"]["step_s"]
    print(
        "\n| | actual | foreseen by --measure | ratio | foreseen by --like | ratio |",
        "| --- | --- | --- | --- | --- | --- |",
        sep="\n",
    )
    for key, value in found.items():
        one, other = foreseen(measured)[key], foreseen(like)[key]
        print(f"| {key} | {value:.3g} | {one:.3g} | {one / value:.2f} | {other:.3g} | {other / value:.2f} |")
    costs = measured["calibration"]
    print(f"\nsaved by the pruner: {like['saved_share']:.0%}, assumed {measured['saved_share']:.0%}")
    print({key: round(value, 3) for key, value in costs.items() if isinstance(value, float)})


if __name__ == "__main__":
    main()
