"""``paretune sweep`` and ``paretune resume``: run a sweep, and go on with one."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.commands.folders import add_folder, show_report, write_sweep_report
from search.commands.output import add_json, say, show, tell
from search.commands.sweep_file import add_sweep_file, warm_lines
from search.errors import CheckError, SearchError
from search.exit_codes import EPILOG, INTERRUPTED, OK

if TYPE_CHECKING:
    from search.sweep import Outcome


def add(commands: Any) -> None:
    """Add the commands."""
    sweep = commands.add_parser("sweep", help="run a sweep and write its report", epilog=EPILOG)
    sweep.add_argument("--out", type=Path, metavar="DIR", help="folder of the sweep (default: sweeps/NAME-TIME)")
    add_sweep_file(sweep)
    add_json(sweep)
    sweep.set_defaults(run=_sweep)
    resume = commands.add_parser("resume", help="go on with a sweep that was interrupted", epilog=EPILOG)
    add_folder(resume, _resume)
    resume.add_argument(
        "--address", metavar="A", help="Ray cluster to run on: local, auto or HOST:PORT (default: the sweep's)"
    )
    resume.add_argument(
        "--rebuild-study", action="store_true", help="make a lost or damaged study anew from the record"
    )
    add_json(resume)


def _sweep(options: argparse.Namespace) -> int:
    from search.spec_file import load_spec

    spec = load_spec(options.file, overrides=options.overrides)

    from search.check import check_data
    from search.check_cache import cache_lines
    from search.check_files import check_lines, mean_tokens, tokens_line
    from search.lineage import lineage
    from search.loggers import check_loggers
    from search.planning.found_rows import found_counts
    from search.planning.rows import keep_counts
    from search.writable import check_new

    check_loggers(spec.search.loggers)
    folder = options.out or Path("sweeps") / f"{options.file.stem}-{datetime.now():%Y%m%d-%H%M%S}"
    check_new(folder)
    data = check_data(spec)
    tokens = tokens_line(data, max_length=spec.data.max_length)
    keep_counts(spec, found_counts(spec, data, tokens=mean_tokens(data)))
    warm = warm_lines(spec, data_hash=data.data_hash)
    found = [*check_lines(data, tokens=tokens), *cache_lines(spec, data), *warm]
    tell(options, [*found, f"sweep folder: {folder}"])

    from search.ray_settings import set_up_ray

    set_up_ray(spec.search.address)

    from search.items import item_rows
    from search.progress import SweepProgress
    from search.sweep import start_sweep

    origin = lineage(options.file, data_hash=data.data_hash)
    first, second = (objective.metric for objective in spec.objectives)
    with SweepProgress(
        trials=spec.search.trials, ended=0, objectives=(first, second), on_stderr=options.json
    ) as progress:
        outcome = start_sweep(
            spec, folder, lineage=origin, items=lambda: item_rows(data.prepared.split), listener=progress, say=say
        )
    return _finish(options, folder, outcome)


def _resume(options: argparse.Namespace) -> int:
    from results import read_sweep
    from search.loggers import check_loggers
    from search.sweep_spec import spec_of

    tables, spec = read_sweep(options.folder), spec_of(options.folder)
    address = spec.search.address if options.address is None else _address(options.address)

    from search.check import check_same_data

    check_loggers(spec.search.loggers)
    data = check_same_data(spec, data_hash=tables.metadata["data_hash"])

    from search.ray_settings import set_up_ray

    set_up_ray(address)

    from search.items import item_rows
    from search.progress import SweepProgress
    from search.sweep import resume_sweep

    first, second = (objective.metric for objective in spec.objectives)
    with SweepProgress(
        trials=spec.search.trials, ended=len(tables.trials), objectives=(first, second), on_stderr=options.json
    ) as progress:
        outcome = resume_sweep(
            options.folder,
            address=address,
            rebuild_study=options.rebuild_study,
            items=lambda: item_rows(data.prepared.split),
            listener=progress,
            say=say,
        )
    return _finish(options, options.folder, outcome)


def _address(address: str) -> str:
    from search.spec import checked_address

    try:
        return checked_address(address)
    except ValueError as error:
        raise CheckError(f"--address: {error}") from error


def _finish(options: argparse.Namespace, folder: Path, outcome: Outcome) -> int:
    if options.json:
        _show_result(options, folder, outcome)
    else:
        show_report(folder)
    if outcome.signal and outcome.is_suspended:
        say(f"interrupted by {outcome.signal}; what was measured is kept; go on by: paretune resume {folder}")
        return INTERRUPTED
    if not outcome.completed and (outcome.is_hopeless or not outcome.is_suspended):
        failure = f"; the last failure: {outcome.last_failure}" if outcome.last_failure else ""
        raise SearchError(f"no trial reached its last step{failure}")
    if outcome.is_suspended:
        tell(options, [f"a limit of the sweep is reached; go on by: paretune resume {folder}"])
    return OK


def _show_result(options: argparse.Namespace, folder: Path, outcome: Outcome) -> None:
    """Write the report, and print how the sweep ended as one JSON object, also when it failed."""
    from search.status import status_of

    report = write_sweep_report(folder).html
    ended = {"report": str(report), "is_suspended": outcome.is_suspended, "signal": outcome.signal or None}
    show(options, [], {**status_of(folder).result(), **ended})
