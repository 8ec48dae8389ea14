"""Runs the default sweep with an earlier revision and with this one, side by side, and compares time, reports, fronts.

``python benchmarks/sweep_before_after.py a481a74``: both run the earlier revision's ``examples/shapes.yaml``, one trial
at a time each, so that both have the machine to the same extent. The earlier revision gets a checkout and an
environment of its own, which sees the packages of this one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from results import read_sweep
from results.summary import summarise

ROOT = Path(__file__).parents[1]
KEYS = ["trial", "attempt", "step"]


@dataclass(frozen=True)
class Arm:
    """A revision's sweep.

    Attributes:
        name: Of the revision.
        folder: Of its sweep.
        seconds: Wall time of the command.

    """

    name: str
    folder: Path
    seconds: float

    @property
    def trials(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "trials").sort_values("trial", ignore_index=True)

    @property
    def scores(self) -> pd.DataFrame:
        reports = pd.read_parquet(self.folder / "reports")
        names = [name for name in reports if name.startswith(("metric.grounding.", "metric.text."))]
        return reports.set_index(KEYS)[names].sort_index()

    @property
    def front(self) -> list[int]:
        return [trial.trial for trial in summarise(read_sweep(self.folder)).front]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision", help="the earlier revision")
    parser.add_argument("--trials", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="paretune-before-") as home:
        before = installed(options.revision, Path(home))
        try:
            arms = side_by_side(before, Path(home), trials=options.trials)
            print(compared(*arms))
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(before)], cwd=ROOT, check=True)


def installed(revision: str, home: Path) -> Path:
    """Check out a revision and make it an environment that falls back to the packages of this one."""
    checkout = home / "before"
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(checkout), revision], cwd=ROOT, check=True)
    subprocess.run([sys.executable, "-m", "venv", str(checkout / ".venv")], check=True)
    python = checkout / ".venv" / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--editable", "."], cwd=checkout, check=True
    )
    own = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    (Path(own.stdout.strip()) / "zz_packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return checkout


def side_by_side(before: Path, home: Path, *, trials: int) -> tuple[Arm, Arm]:
    """Run both sweeps at the same time."""
    example, running = before / "examples" / "shapes.yaml", {}
    commands = {"earlier": before / ".venv" / "bin" / "paretune", "now": Path(sys.executable).with_name("paretune")}
    settings = ["--set", f"search.trials={trials}", "--set", "search.concurrency=1"]
    for name, command in commands.items():
        words = ["sweep", example, "--out", home / name, *settings]
        with (home / f"{name}.log").open("wb") as log:
            running[name] = subprocess.Popen([command, *words], cwd=home, stdout=log, stderr=subprocess.STDOUT)
    start, ended = time.monotonic(), {}
    while len(ended) < len(running):
        time.sleep(0.2)
        for name, process in running.items():
            if name not in ended and process.poll() is not None:
                ended[name] = time.monotonic() - start
                if process.returncode:
                    raise RuntimeError(f"{name} ended with {process.returncode}: {(home / f'{name}.log').read_text()}")
    return Arm("earlier", home / "earlier", ended["earlier"]), Arm("now", home / "now", ended["now"])


def compared(before: Arm, now: Arm) -> str:
    """Write what differs."""
    old, new = before.scores.align(now.scores, join="inner", axis=None)
    equal = ((old == new) | (old.isna() & new.isna())).all(axis=1)
    largest = (old - new).abs().max().max()
    longest = [arm.trials["seconds"].sum() for arm in (before, now)]
    return "\n".join(
        [
            f"command, s: {before.seconds:.0f} / {now.seconds:.0f}, ratio {before.seconds / now.seconds:.2f}",
            f"trials, s: {longest[0]:.0f} / {longest[1]:.0f}, ratio {longest[0] / longest[1]:.2f}",
            f"trials: {len(before.trials)} / {len(now.trials)}; reports: {len(before.scores)} / {len(now.scores)}",
            f"reports of both: {len(equal)}, of these equal: {int(equal.sum())}, largest difference {largest:.3g}",
            f"front: {before.front} / {now.front}",
        ]
    )


if __name__ == "__main__":
    main()
