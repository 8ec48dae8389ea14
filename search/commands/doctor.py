"""``paretune doctor``: everything that keeps sweeps from running here, at once."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from search.commands.output import add_json, show, tell
from search.commands.sweep_file import add_overrides
from search.exit_codes import BAD_INPUT, OK


def add(commands: Any) -> None:
    """Add the command."""
    doctor = commands.add_parser(
        "doctor",
        help="name everything that keeps sweeps from running here; with a sweep file its faults as well",
        epilog="exit codes: 0 no problem, 2 at least one",
    )
    doctor.add_argument("file", type=Path, metavar="FILE", nargs="?", help="a sweep file to examine as well")
    add_overrides(doctor)
    add_json(doctor)
    doctor.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    from search.doctor.examination import examine
    from search.doctor.finding import Finding
    from search.errors import SpecError
    from search.spec_file import load_spec

    spec = error = None
    if options.file is not None:
        try:
            spec = load_spec(options.file, overrides=options.overrides)
        except SpecError as found:
            error = found
    findings: list[Finding] = []
    for finding in examine(options.file, spec, error):
        findings.append(finding)
        if not options.json:
            tell(options, [finding.line()])
    counts = Counter(finding.state for finding in findings)
    noun = "problem" if counts["problem"] == 1 else "problems"
    summary = f"{counts['problem']} {noun}, {counts['watch']} to watch, {counts['ok']} ok"
    show(options, [summary], {"findings": [asdict(finding) for finding in findings], "counts": dict(counts)})
    return BAD_INPUT if counts["problem"] else OK
