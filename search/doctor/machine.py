"""Cores, memory, limits, the clock, and GPUs."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from search.amounts import in_words
from search.doctor.finding import Finding, ok, problem, watch
from search.planning.kept import gpus

_FEW_FILES, _ENOUGH_FILES = 1024, 4096
_FEW_PROCESSES = 1024
_LITTLE_MEMORY, _ENOUGH_MEMORY = 2 * 10**9, 4 * 10**9
_OBJECT_STORE_BYTES = 100 * 2**20
"""What a Ray of our own reserves, see ``search.cluster``."""
_RELEASED_S = 1_750_000_000.0
"""No clock that is right shows an earlier time: summer of 2025."""
_PROBE_S = 180.0
_PROBE = """
import json, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import torch
    found = torch.cuda.is_available()
    names = [torch.cuda.get_device_name(at) for at in range(torch.cuda.device_count())] if found else []
lines = [str(one.message).strip().splitlines()[0] for one in caught]
said = [line for line in lines if "NVIDIA" in line or "CUDA" in line]
print(json.dumps({"names": names, "cuda": torch.version.cuda, "said": said}))
"""


def machine_findings(*, wants_gpu: bool) -> Iterator[Finding]:
    """Look at cores, memory, limits of this process, the clock and GPUs.

    Args:
        wants_gpu: Whether the sweep's trials take GPUs.

    """
    yield _cores()
    yield memory_finding(_available_memory())
    yield shared_memory_finding(Path("/dev/shm"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield files_finding(soft, hard)
    yield from _processes()
    yield _clock(time.time())
    yield torch_finding(gpus(), _asked_torch(), wants_gpu=wants_gpu)


def _cores() -> Finding:
    count, usable = os.cpu_count() or 1, len(os.sched_getaffinity(0))
    quota = _quota()
    if quota is not None and quota < usable:
        return watch(
            "cores", f"{count}, but this container may use {quota:g} of them", "count those for search.concurrency"
        )
    if usable < count:
        return watch("cores", f"{count}, of which this process may use {usable}", "count those for search.concurrency")
    return ok("cores", str(count))


def _quota() -> float | None:
    """Give the cores that a control group allows; ``None`` without a limit."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _available_memory() -> int | None:
    """Give the bytes of memory that programs may still take, a control group's limit included."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, ValueError, StopIteration):
        return None
    try:
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text()) - int((group / "memory.current").read_text())
        return min(found, limit)
    except (OSError, ValueError):
        return found


def memory_finding(available: int | None) -> Finding:
    """Judge the free memory, in bytes; a worker with the tiny base takes about 0.7 GB."""
    if available is None:
        return watch("memory", "what is free can't be read", "see that each worker has room for the base")
    words = f"{in_words(available)} free"
    if available < _LITTLE_MEMORY:
        return problem("memory", words, f"end other programs; expected {in_words(_LITTLE_MEMORY)} at least")
    if available < _ENOUGH_MEMORY:
        return watch("memory", words, "a worker takes 0.7 GB and the base; lower search.concurrency if it runs out")
    return ok("memory", words)


def shared_memory_finding(folder: Path) -> Finding:
    """Judge the room in shared memory, where Ray keeps what processes exchange."""
    fix = "give the container more (docker run --shm-size=1g); Ray uses the disk instead, which is slower"
    try:
        stat = os.statvfs(folder)
    except OSError:
        return watch(str(folder), "it is not there", fix)
    free = stat.f_bavail * stat.f_frsize
    words = f"{in_words(free)} free"
    return ok(str(folder), words) if free >= 1.05 * _OBJECT_STORE_BYTES else watch(str(folder), words, fix)


def files_finding(soft: int, hard: int) -> Finding:
    """Judge how many files a process may have open."""
    name = "open files"
    if soft == resource.RLIM_INFINITY or soft >= _ENOUGH_FILES:
        return ok(name, "no limit" if soft == resource.RLIM_INFINITY else f"up to {soft}")
    reach = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, 65536)
    fix = f"run ulimit -n {reach} in this shell" if reach > soft else "let the administrator raise it"
    if soft < _FEW_FILES:
        return problem(name, f"up to {soft}; Ray's processes need {_FEW_FILES} or more", fix)
    return watch(name, f"up to {soft}; many trials at a time and many kept features need more", fix)


def _processes() -> Iterator[Finding]:
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft != resource.RLIM_INFINITY and soft < _FEW_PROCESSES:
        yield watch("processes", f"up to {soft} of this user", "Ray starts hundreds of threads; raise ulimit -u")
    size, _ = resource.getrlimit(resource.RLIMIT_AS)
    if size != resource.RLIM_INFINITY:
        yield problem("address space", f"up to {in_words(size)}", "run ulimit -v unlimited: torch and Ray map far more")
    file, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if file != resource.RLIM_INFINITY:
        yield watch("size of a file", f"up to {in_words(file)}", "run ulimit -f unlimited")


def _clock(now: float) -> Finding:
    shown = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(now))
    if now < _RELEASED_S:
        return problem("clock", f"it shows {shown}", "set it: deadlines and the record's times follow it")
    return ok("clock", shown)


def _asked_torch() -> dict[str, Any] | str:
    """Ask torch in a process of its own, so that a driver that hangs or crashes can't take this one with it."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"it did not start within {_PROBE_S:g} s"
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        lines = done.stderr.strip().splitlines()
        return lines[-1] if lines else f"it ended with {done.returncode}"


def torch_finding(listed: list[str], asked: dict[str, Any] | str, *, wants_gpu: bool) -> Finding:
    """Judge whether torch sees the GPUs that there are.

    Args:
        listed: GPUs that the driver lists.
        asked: What torch said: ``names``, ``cuda``, ``said``; or why it said nothing.
        wants_gpu: Whether the sweep's trials take GPUs.

    """
    if isinstance(asked, str):
        return problem("torch", f"it can't be used: {asked}", "install it anew")
    names, said = asked["names"], "; ".join(asked["said"])
    if names:
        missing = len(listed) - len(names)
        words = f"{', '.join(names)} (CUDA {asked['cuda']})"
        if missing > 0:
            return watch("GPUs", f"torch sees {len(names)} of {len(listed)}: {words}", "see nvidia-smi for the others")
        return ok("GPUs", words)
    if listed:
        build = f"is built for CUDA {asked['cuda']}" if asked["cuda"] else "is a build for processors alone"
        fix = "install a torch for this driver, or a newer driver" if asked["cuda"] else "install a build with CUDA"
        found = (
            f"the driver lists {', '.join(listed)}, but torch, which {build}, sees none{f': {said}' if said else ''}"
        )
        return (problem if wants_gpu else watch)("GPUs", found, fix)
    if wants_gpu:
        return problem("GPUs", "none here, but trial.resources.gpus asks for one", "set it to 0, or search.address")
    return ok("GPUs", "none; trials run on processors")
