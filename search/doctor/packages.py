"""Python, the packages that paretune needs, and whether they fit each other."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement
from packaging.version import Version

from search.doctor.finding import Finding, ok, problem
from search.guard import DISTRIBUTION, shadowing_faults

_NAMED = ("torch", "transformers", "peft", "ray", "optuna")
"""Shown even where they are as they should be."""


def package_findings() -> Iterator[Finding]:
    """Look at Python, at every package that paretune requires, at torchvision, and at our import names."""
    yield _python()
    yield from _required()
    yield from _torchvision()
    faults = list(shadowing_faults())
    if not faults:
        yield ok("import names", "search, trainable, spaces and results are paretune's own")
    for fault in faults:
        found, _, fix = fault.partition("; ")
        yield problem("import names", found, fix)


def _python() -> Finding:
    try:
        wanted = metadata(DISTRIBUTION)["Requires-Python"]
    except PackageNotFoundError:
        return problem("paretune", f"it is not installed in {sys.prefix}", "run pip install -e . in its checkout")
    here = platform.python_version()
    if _holds(Requirement(f"python{wanted}"), here):
        return ok("Python", f"{here} in {sys.prefix}")
    return problem("Python", f"{here}; expected {wanted}", "make the virtual environment anew with such a Python")


def _required() -> Iterator[Finding]:
    try:
        wanted = [Requirement(text) for text in requires(DISTRIBUTION) or ()]
    except PackageNotFoundError:
        return
    faults = list(unmet(wanted, _installed(wanted)))
    if not faults:
        yield ok("packages", ", ".join(f"{name} {version(name)}" for name in _NAMED))
    for requirement, found in faults:
        name = requirement.name
        text = f"{found}; expected {requirement.specifier}" if found else "it is not installed"
        yield problem(name, text, f"run {sys.executable} -m pip install '{name}{requirement.specifier}'")


def unmet(wanted: list[Requirement], installed: Mapping[str, str]) -> Iterator[tuple[Requirement, str]]:
    """Give the requirements that do not hold, each with the version that was found, or an empty text.

    Args:
        wanted: Those of extras are left out.
        installed: Version by name.

    """
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        found = installed.get(requirement.name, "")
        if not found or not _holds(requirement, found):
            yield requirement, found


def _installed(wanted: list[Requirement]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for requirement in wanted:
        try:
            found[requirement.name] = version(requirement.name)
        except PackageNotFoundError:
            continue
    return found


def _holds(requirement: Requirement, found: str) -> bool:
    return requirement.specifier.contains(found, prereleases=True)


def _torchvision() -> Iterator[Finding]:
    """See that torchvision, which transformers imports if it is there, was built for the torch that is installed."""
    try:
        found, torch = version("torchvision"), version("torch")
    except PackageNotFoundError:
        return
    needs = [re.sub(r"\s", "", text) for text in requires("torchvision") or () if re.match(r"torch\b(?!v)", text)]
    pins = [Requirement(text) for text in needs]
    if all(pin.specifier.contains(Version(torch).public, prereleases=True) for pin in pins):
        yield ok("torchvision", f"{found} fits torch {torch}")
        return
    pin = str(pins[0].specifier)
    yield problem(
        "torchvision",
        f"{found} was built for torch{pin}, but torch is {torch}: transformers fails to import it",
        f"run {sys.executable} -m pip uninstall torchvision; paretune does not need it",
    )
