"""Measured costs in the user's cache, found again by the settings, the base and the machine that decide on them."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from search.planning.base import base_identity
from search.planning.costs import Costs
from search.spec import SweepSpec
from trainable.user_cache import cache_folder, whole_file

_PACKAGES = ("paretune", "torch", "transformers", "peft", "ray")
_GPUS = Path("/proc/driver/nvidia/gpus")


def machine() -> Mapping[str, Any]:
    """Describe this machine and what trains on it, without asking a driver or importing torch."""
    return {
        "node": platform.node(),
        "cpus": os.cpu_count(),
        "cpu": _cpu(),
        "gpus": gpus(),
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
    }


def gpus() -> list[str]:
    """Name the GPUs of this machine that ``CUDA_VISIBLE_DEVICES`` lets programs use, as NVIDIA's driver lists them."""
    names: list[str] = []
    for file in sorted(_GPUS.glob("*/information")):
        with suppress(OSError):
            model = [line for line in file.read_text().splitlines() if line.startswith("Model:")]
            names.append(model[0].removeprefix("Model:").strip() if model else "unknown")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return names if visible is None else names[: len([part for part in visible.split(",") if part.strip()])]


def settings(spec: SweepSpec) -> Mapping[str, Any]:
    """Give the settings that decide on what a step and a report take; numbers of steps and trials do not."""
    trial = spec.trial.model_dump(mode="json", exclude={"steps", "rungs", "seed", "time_limit"})
    if not spec.trial.rungs:
        del trial["rung_rows"]
    model = spec.model.model_dump(mode="json", exclude={"cache", "path"})
    return {
        "base": base_identity(spec.model.path),
        "model": model,
        "data": spec.data.model_dump(mode="json"),
        "trial": trial,
        "space": spec.space.model_dump(mode="json"),
        "concurrency": spec.search.concurrency,
        "address": spec.search.address,
    }


_MAY_DIFFER = ("space", "concurrency")
"""What only shifts times: used where nothing closer is known, and said."""


class _Kept(BaseModel):
    """A file of the cache."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    machine: Mapping[str, Any]
    settings: Mapping[str, Any]
    costs: Costs


@dataclass(frozen=True)
class KnownCosts:
    """Costs that were found.

    Attributes:
        costs: The costs.
        words: Where they come from.
        other: Settings that differ from the sweep's.

    """

    costs: Costs
    words: str
    other: tuple[str, ...] = ()


def keep_costs(spec: SweepSpec, costs: Costs) -> Path:
    """Keep measured costs for later plans.

    Raises:
        OSError: If the user's cache can't be written.

    """
    kept = _Kept(machine=machine(), settings=settings(spec), costs=costs)
    text = kept.model_dump_json(indent=2)
    name = hashlib.sha256(json.dumps([kept.machine, kept.settings], sort_keys=True).encode()).hexdigest()[:32]
    with whole_file(_folder() / f"{name}.json") as path:
        path.write_text(text, encoding="utf-8")
    return _folder() / f"{name}.json"


def kept_costs(spec: SweepSpec) -> KnownCosts | None:
    """Find costs that were measured here with the same settings, else with those that only shift times."""
    here, wanted = machine(), settings(spec)
    found: list[tuple[tuple[str, ...], float, Costs]] = []
    for file in _folder().glob("*.json"):
        try:
            kept = _Kept.model_validate_json(file.read_text(encoding="utf-8"))
            when = file.stat().st_mtime
        except (OSError, ValidationError):
            continue
        other = tuple(key for key in wanted if kept.settings.get(key) != wanted[key])
        if kept.machine == here and set(other) <= set(_MAY_DIFFER):
            found.append((other, -when, kept.costs))
    if not found:
        return None
    other, _, costs = min(found, key=lambda one: (len(one[0]), one[1]))
    return KnownCosts(costs, "measured on this machine by --measure", other)


def with_times_of(measured: KnownCosts, finished: KnownCosts) -> KnownCosts:
    """Give a measurement's costs with what only a finished sweep knows: the pruner's savings and the size of fronts."""
    known = {"saved_share": finished.costs.saved_share, "front_ratio": finished.costs.front_ratio}
    costs = measured.costs.model_copy(update=known)
    return KnownCosts(costs, f"{measured.words}, the pruner's savings {finished.words}", measured.other)


def _folder() -> Path:
    return cache_folder("plans")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _cpu() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
