"""All findings, in order."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from search.doctor.finding import Finding
from search.doctor.folders import folder_findings
from search.doctor.machine import machine_findings
from search.doctor.packages import package_findings
from search.doctor.ray_cluster import ray_findings
from search.doctor.sweep_file import spec_findings, sweep_findings
from search.errors import SpecError
from search.planning.rows import known_counts
from search.spec import SweepSpec
from trainable.user_cache import cache_folder


def examine(file: Path | None, spec: SweepSpec | None, error: SpecError | None) -> Iterator[Finding]:
    """Look at everything; a fault of one thing keeps nothing else from being looked at.

    Args:
        file: A sweep file, if one was given.
        spec: What it says, if it can be read.
        error: Its faults, if it can't.

    """
    yield from package_findings()
    yield from machine_findings(wants_gpu=bool(spec and spec.trial.resources.gpus))
    yield from _folders(spec)
    yield from ray_findings(spec.search.address if spec else "local")
    if file is not None:
        yield from spec_findings(file, error)
    if spec is not None:
        yield from sweep_findings(spec, cores=os.cpu_count() or 1)


def _folders(spec: SweepSpec | None) -> Iterator[Finding]:
    counts = known_counts(spec) if spec else None
    is_own_study = spec is None or spec.search.storage is None
    yield from folder_findings("sweeps", Path("sweeps"), holds_study=is_own_study)
    yield from folder_findings("pages of checks", Path("checks"))
    kept = Path(spec.model.cache.folder) if spec and spec.model.cache.folder else cache_folder("features")
    yield from folder_findings("kept features", kept, needed=counts.kept_bytes if counts else None)
    yield from folder_findings("Ray's files", Path(tempfile.gettempdir()))
