"""Makes the record of a sweep whose steps and reports take known times, without training anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from made_sweep import START

from results import RecordWriter, ReportRow, TrialRow, write_sweep_json
from search.recorder import record_columns
from search.spec import SweepSpec
from search.sweep_spec import SPEC_KEY

STEP_S, RUNG_S, FINAL_S, MADE_S, HANDED_S, WORKER_S = 0.5, 3.0, 7.0, 1.0, 0.25, 20.0


def scored(number: int, step: int) -> float:
    """Give both objectives of a trial at a step."""
    return round(0.5 + 0.01 * number + 0.001 * step, 6)


def swept(
    folder: Path, spec: SweepSpec, endings: Sequence[tuple[str, int]], *, metadata: Mapping[str, str] | None = None
) -> Path:
    """Write a sweep whose steps and reports take what the constants say.

    Args:
        folder: Made.
        spec: Of the sweep.
        endings: State and last step of each trial; one that is still running has the state RUNNING.
        metadata: Beside the spec.

    """
    metadata = {SPEC_KEY: spec.model_dump_json(), **(metadata or {})}
    write_sweep_json(folder, record_columns(spec), metadata=metadata)
    writer = RecordWriter(folder, record_columns(spec), metadata)
    for number, (state, last) in enumerate(endings):
        seconds, before = MADE_S, 0
        for step in (step for step in spec.trial.report_steps if step <= last):
            seconds += STEP_S * (step - before) + (FINAL_S if step == spec.trial.steps else RUNG_S)
            before = step
            writer.append_report(
                ReportRow(
                    trial=number,
                    attempt=0,
                    step=step,
                    progress=step / spec.trial.steps,
                    seconds=seconds,
                    recorded=START,
                    metrics={objective.metric: scored(number, step) for objective in spec.objectives},
                )
            )
        if state == "RUNNING":
            continue
        values = {objective.metric: scored(number, last) for objective in spec.objectives}
        taken = seconds + HANDED_S + (WORKER_S if number < spec.search.concurrency else 0)
        writer.append_trial(
            TrialRow(
                trial=number,
                state=state,  # type: ignore[arg-type]
                reason="made",
                role="search" if number else "baseline",
                attempt=0,
                steps=last,
                seconds=seconds,
                seed=0,
                started=START,
                ended=START + timedelta(seconds=taken),
                values=values if state == "COMPLETE" else {},
            )
        )
    return folder
