"""The ``paretune`` command, run as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PARETUNE = Path(sys.executable).with_name("paretune")

TINY_SWEEP = """\
model: tiny
data:
  sources:
    - {source: shapes, domain: shifted, scenes: 12}
  search_share: 0.4
objectives: [grounding.miou, text.token_f1]
trial: {steps: 4, rungs: [1, 2, 3], batch: 4, rung_rows: 4, final_rows: 6, eval_batch: 8, max_new_tokens: 40}
space:
  adapter: {rank: {choice: [2, 4]}}
  optimizer: {learning_rate: {range: [1e-4, 1e-2], log: true}}
  mixture:
    box_ce: {weight: {range: [0.2, 5], log: true}}
search:
  trials: 4
  concurrency: 2
  sampler: {name: tpe, startup_trials: 2}
  pruner: {name: median_all, warmup_trials: 1}
"""


def write_sweep(folder: Path, text: str = TINY_SWEEP, *, name: str = "sweep.yaml") -> Path:
    """Write a sweep file of four trials of four steps, or the given text."""
    path = folder / name
    path.write_text(text)
    return path


def environment() -> dict[str, str]:
    """Give the environment of a user without our checkout on any path."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def paretune(*words: str | Path, cwd: Path, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [str(PARETUNE), *map(str, words)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def start_paretune(words: Sequence[str | Path], *, cwd: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start the command in a process group of its own, its output in a file."""
    with log.open("ab") as out:
        return subprocess.Popen(
            [str(PARETUNE), *map(str, words)],
            cwd=cwd,
            env=environment(),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_until(found: Callable[[], Any], process: subprocess.Popen[bytes], log: Path, *, timeout_s: float = 240) -> Any:
    """Wait until a function gives something, and give it.

    Raises:
        AssertionError: If the process ends before, or the time is up.

    """
    end = time.monotonic() + timeout_s
    while time.monotonic() < end and process.poll() is None:
        if result := found():
            return result
        time.sleep(0.02)
    raise AssertionError(f"it did not come to that:\n{log.read_text()}")
