"""A sweep's folder as a driver leaves it after thousands of trials."""

from __future__ import annotations

from pathlib import Path

from driver_loop import Loop, full_reports, start

from results import write_sweep_json
from search.recorder import record_columns
from search.spec import SamplerConfig, SweepSpec
from search.sweep_spec import SPEC_KEY


def make_sweep(spec: SweepSpec, folder: Path, *, ended: int) -> None:
    """Make a sweep's folder in which so many trials have ended and none runs.

    Hub, study and record are the real ones; points are drawn at random, which takes no time.

    Args:
        spec: The sweep.
        folder: Of the sweep.
        ended: Number of trials.

    """
    metadata = {SPEC_KEY: spec.model_dump_json(), "data_hash": ""}
    write_sweep_json(folder, record_columns(spec), metadata=metadata)
    search = spec.search.model_copy(update={"trials": ended, "sampler": SamplerConfig(name="random")})
    hub = start(spec.model_copy(update={"search": search}), folder)
    Loop(hub, full_reports, workers=search.concurrency).run(until=ended)
