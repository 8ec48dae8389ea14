"""Every fault of a sweep file, its data and the cluster that it names, at once."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from search.doctor.base import base_findings
from search.doctor.finding import Finding, ok, problem, watch
from search.errors import SearchError, SpecError, UnfitClusterError
from search.planning.kept import gpus
from search.ray_settings import set_up_ray
from search.spec import SweepSpec


def spec_findings(file: Path, error: SpecError | None) -> Iterator[Finding]:
    """Give one finding for each fault of a sweep file."""
    if error is None:
        yield ok(str(file), "every key is valid")
        return
    for fault in error.faults:
        yield problem(f"{file}", fault, "")


def sweep_findings(spec: SweepSpec, *, cores: int) -> Iterator[Finding]:
    """Look at base, data, what trials take, and the nodes of a cluster.

    Args:
        spec: The sweep.
        cores: Of this machine.

    """
    yield from base_findings(spec.model.path)
    yield from _data(spec)
    yield from resource_findings(spec, cores=cores, there=len(gpus()))
    if spec.search.address != "local":
        yield from _cluster(spec)


def _data(spec: SweepSpec) -> Iterator[Finding]:
    from search.check import data_faults  # reads with transformers, which takes seconds to import

    faults = data_faults(spec)
    if not faults:
        yield ok("data", "rows suffice for every split, and support both objectives")
    for fault in faults:
        yield problem("data", fault.removeprefix("data: "), "")


def resource_findings(spec: SweepSpec, *, cores: int, there: int) -> Iterator[Finding]:
    """Compare what trials take with what a Ray of our own has here.

    Args:
        spec: The sweep.
        cores: Of this machine.
        there: GPUs of this machine.

    """
    needs, at_a_time = spec.trial.resources, spec.search.concurrency
    if spec.search.address != "local":
        return
    if needs.custom:
        named = ", ".join(needs.custom)
        fix = "remove it, or set search.address to a cluster that offers it"
        yield problem("trial.resources.custom", f"a Ray of our own has no {named}", fix)
    pack = 1 if spec.trial.pack == "auto" else spec.trial.pack
    places = math.ceil(at_a_time / pack)
    trials = f"{at_a_time} trials" if pack == 1 else f"{places} packs of {pack} trials"
    if needs.gpus and there and needs.gpus * places > there:
        found = f"{trials} of {needs.gpus:g} GPUs, but there are {there}"
        yield watch("search.concurrency", found, "the others wait; lower it to what the GPUs hold")
    if not needs.gpus and needs.cpus * places > cores:
        found = f"{trials} of {needs.cpus:g} cores, but there are {cores}"
        yield watch("search.concurrency", found, "they slow each other down; lower it to what the cores hold")


def _cluster(spec: SweepSpec) -> Iterator[Finding]:
    """Join the cluster and ask every node."""
    set_up_ray(spec.search.address)

    from search.cluster import connected_ray  # imports Ray, which takes seconds
    from search.probe import check_nodes

    home = Path("sweeps")
    existed = home.is_dir()
    home.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".doctor-", dir=home))
    try:
        with connected_ray(spec) as cluster:
            check_nodes(spec, folder, is_own=cluster.is_own)
    except UnfitClusterError as error:
        for fault in error.faults:
            yield problem("cluster", fault, "")
    except SearchError as error:
        yield problem("cluster", str(error), "")
    else:
        yield ok("cluster", "every node that can hold a trial can run it")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if not existed and not any(home.iterdir()):
            home.rmdir()
