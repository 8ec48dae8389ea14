"""The journal of a sweep: what its drivers and workers did, and how much of the work was done twice."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Work:
    """What was trained to make a sweep.

    Attributes:
        trained: Training steps that began, repeated ones included.
        repeated: Of these, steps that were thrown away by an interruption after they began.
        interruptions: How often a trial went back to a step that had begun before.
        most_repeated: Steps that one interruption cost at most.
        adopted: Trials that were handed out again after a report.
        faults: What must not happen.

    """

    trained: int = 0
    repeated: int = 0
    interruptions: int = 0
    most_repeated: int = 0
    adopted: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other: Work) -> None:
        """Take in the work of another sweep."""
        for name in ("trained", "repeated", "interruptions", "adopted"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.most_repeated = max(self.most_repeated, other.most_repeated)
        self.faults += other.faults


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Read the whole lines of a journal."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]] if path.exists() else []


def count_events(path: Path) -> int:
    """Count the whole lines of a journal."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def work_of(journal: Iterable[Mapping[str, Any]], *, report_steps: Sequence[int]) -> Work:
    """Measure the work of a sweep, attempt 0 of every trial, and find steps that should not have been repeated.

    A trial is handed out with the last step that the record holds; no step up to there is trained again; and it goes
    back by no more than the steps between two reports.

    Args:
        journal: Of all drivers and workers of the sweep.
        report_steps: Steps at which a trial reports.

    """
    work = Work()
    recorded: dict[int, int] = defaultdict(int)
    begun: dict[int, int] = defaultdict(int)
    handed: set[int] = set()
    for event in journal:
        match event["event"]:
            case "write" if event["name"] == "append_report":
                trial, step = event["about"]["trial"], event["about"]["step"]
                if step <= recorded[trial]:
                    work.faults.append(f"trial {trial} reported step {step} again")
                recorded[trial] = max(step, recorded[trial])
            case "handed":
                trial, start = event["trial"], event["from_step"]
                if start != event["recorded"] or start < recorded[trial]:
                    work.faults.append(f"trial {trial} starts from step {start}, not from what is recorded: {event}")
                if start and not event["has_checkpoint"]:
                    work.faults.append(f"trial {trial} starts from step {start} without a checkpoint")
                recorded[trial] = event["recorded"]
                work.adopted += trial in handed and start > 0
                handed.add(trial)
            case "trains":
                trial, step = event["trial"], event["step"]
                work.trained += 1
                if step <= recorded[trial]:
                    work.faults.append(f"trial {trial} trains step {step} again, {recorded[trial]} is recorded")
                if step > begun[trial] + 1:
                    work.faults.append(f"trial {trial} jumps from step {begun[trial]} to {step}")
                if step <= begun[trial]:
                    work.interruptions += 1
                    work.repeated += begun[trial] - step + 1
                    work.most_repeated = max(work.most_repeated, begun[trial] - step + 1)
                    if any(step <= report < begun[trial] for report in report_steps):
                        work.faults.append(f"trial {trial} goes back from step {begun[trial]} to {step}")
                begun[trial] = step
    return work
