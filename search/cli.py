"""The ``paretune`` command. Heavy packages are imported inside the command that needs them."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.errors import (
    CheckError,
    FolderError,
    RecordError,
    RequestError,
    SearchError,
    ShadowedPackageError,
    SpecError,
    UnfitClusterError,
    WarmStartError,
)
from search.guard import shadowing_fault

if TYPE_CHECKING:
    from search.spec import SweepSpec
    from search.sweep import Outcome

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

_BAD_INPUTS = (
    SpecError,
    CheckError,
    FolderError,
    RecordError,
    RequestError,
    ShadowedPackageError,
    UnfitClusterError,
    WarmStartError,
)

_EPILOG = "exit codes: 0 budget reached, 1 failed, 2 bad input, 130 interrupted and resumable"


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        words: Arguments; those of the process if absent.

    Returns:
        The exit code.

    """
    options = _parser().parse_args(words)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        if fault := shadowing_fault():
            raise ShadowedPackageError(fault)
        return options.run(options)
    except _BAD_INPUTS as error:
        return _complain(error, BAD_INPUT)
    except SearchError as error:
        return _complain(error, FAILED)
    except KeyboardInterrupt as error:
        print(f"interrupted{f' by {error}' if str(error) else ''}; what was measured is kept", file=sys.stderr)
        return INTERRUPTED


def _complain(error: Exception, code: int) -> int:
    _say(str(error))
    return code


def _say(text: str) -> None:
    print(f"paretune: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="paretune",
        description="Search loss mixtures, LoRA settings and curricula for Qwen2-VL: grounding against text quality.",
        epilog=_EPILOG,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="read a sweep file and its data; load no model", epilog=_EPILOG)
    check.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of refused rows and the page (default: checks/NAME)"
    )
    check.set_defaults(run=_check)
    sweep = commands.add_parser("sweep", help="run a sweep and write its report", epilog=_EPILOG)
    sweep.add_argument("--out", type=Path, metavar="DIR", help="folder of the sweep (default: sweeps/NAME-TIME)")
    sweep.set_defaults(run=_sweep)
    for command in (check, sweep):
        command.add_argument("file", type=Path, metavar="FILE", help="the sweep file")
        command.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            dest="overrides",
            help="override a key of the file, e.g. search.trials=4; may be repeated",
        )
    for name, run, text in (
        ("resume", _resume, "go on with a sweep that was interrupted"),
        ("status", _status, "say how far a sweep is"),
        ("report", _report, "write a sweep's report again"),
    ):
        command = commands.add_parser(name, help=text, epilog=_EPILOG)
        command.add_argument("folder", type=Path, metavar="DIR", help="the sweep's folder")
        command.set_defaults(run=_on_folder(run))
        if run is _resume:
            command.add_argument(
                "--address", metavar="A", help="Ray cluster to run on: local, auto or HOST:PORT (default: the sweep's)"
            )
            command.add_argument(
                "--rebuild-study", action="store_true", help="make a lost or damaged study anew from the record"
            )
    _add_trial(commands)
    return parser


def _add_trial(commands: Any) -> None:
    """Add the command that asks something of one trial."""
    trial = commands.add_parser("trial", help="ask something of one trial of a sweep, also while it runs")
    kinds = trial.add_subparsers(required=True, metavar="WHAT")
    for kind, text in (
        ("stop", "stop it at its next report"),
        ("pin", "keep its checkpoint after it has ended"),
        ("extend", "let it run to its last step, whatever the pruner says; one that was stopped is run again"),
        ("clone", "run it again as a new trial, with another seed or other settings"),
    ):
        command = kinds.add_parser(kind, help=text, epilog=_EPILOG)
        command.add_argument("folder", type=Path, metavar="DIR", help="the sweep's folder")
        command.add_argument("number", type=int, metavar="N", help="the trial's number")
        command.set_defaults(run=_on_folder(_trial), kind=kind, seed=None, changes=[])
        if kind == "clone":
            command.add_argument("--seed", type=int, metavar="S", help="its seed (default: another than the trial's)")
            command.add_argument(
                "--set",
                action="append",
                metavar="KEY=VALUE",
                dest="changes",
                help="another value of a searched key, e.g. optimizer.learning_rate=2e-4; may be repeated",
            )


def _check(options: argparse.Namespace) -> int:
    from search.spec_file import load_spec

    spec = load_spec(options.file, overrides=options.overrides)  # a faulty file is named before anything heavy loads

    from search.check import RefusedError, check_data
    from search.check_cache import cache_lines
    from search.check_files import check_lines, tokens_line, write_check, write_refused

    folder = options.out or Path("checks") / options.file.stem
    try:
        data = check_data(spec)
    except RefusedError as error:
        print("\n".join(write_refused(folder, error.refused)))
        raise
    tokens = tokens_line(data, max_length=spec.data.max_length)
    written = write_check(folder, data, name=options.file.name, tokens=tokens)
    warm = _warm_lines(spec, data_hash=data.data_hash)
    print("\n".join([*check_lines(data, tokens=tokens), *cache_lines(spec, data), *written, *warm]))
    idle = spec.space.idle()
    searched = [key for key in spec.space.dimensions if key not in idle]
    print(f"searched: {', '.join(searched) or 'nothing'}")
    if idle:
        print(f"without effect, since other keys rule them out: {', '.join(idle)}")
    print(f"{options.file}: fine")
    return OK


def _sweep(options: argparse.Namespace) -> int:
    from search.spec_file import load_spec

    spec = load_spec(options.file, overrides=options.overrides)

    from search.check import check_data
    from search.check_cache import cache_lines
    from search.check_files import check_lines, tokens_line
    from search.lineage import lineage

    folder = options.out or Path("sweeps") / f"{options.file.stem}-{datetime.now():%Y%m%d-%H%M%S}"
    data = check_data(spec)
    tokens = tokens_line(data, max_length=spec.data.max_length)
    warm = _warm_lines(spec, data_hash=data.data_hash)
    print("\n".join([*check_lines(data, tokens=tokens), *cache_lines(spec, data), *warm]))
    print(f"sweep folder: {folder}", flush=True)

    from search.ray_settings import set_up_ray

    set_up_ray(spec.search.address)

    from search.progress import SweepProgress
    from search.sweep import start_sweep

    origin = lineage(options.file, data_hash=data.data_hash)
    first, second = (objective.metric for objective in spec.objectives)
    with SweepProgress(trials=spec.search.trials, ended=0, objectives=(first, second)) as progress:
        outcome = start_sweep(spec, folder, lineage=origin, listener=progress, say=_say)
    return _finish(folder, outcome)


def _warm_lines(spec: SweepSpec, *, data_hash: str) -> list[str]:
    """Say what carries over from earlier sweeps."""
    if not spec.search.warm_start:
        return []
    from search.warm_start import read_warm_starts

    return [line for carried in read_warm_starts(spec, data_hash=data_hash) for line in carried.lines()]


def _resume(options: argparse.Namespace) -> int:
    from results import read_sweep
    from search.sweep_spec import spec_of

    tables, spec = read_sweep(options.folder), spec_of(options.folder)
    address = spec.search.address if options.address is None else _address(options.address)

    from search.check import check_same_data

    check_same_data(spec, data_hash=tables.metadata["data_hash"])

    from search.ray_settings import set_up_ray

    set_up_ray(address)

    from search.progress import SweepProgress
    from search.sweep import resume_sweep

    first, second = (objective.metric for objective in spec.objectives)
    with SweepProgress(trials=spec.search.trials, ended=len(tables.trials), objectives=(first, second)) as progress:
        outcome = resume_sweep(
            options.folder, address=address, rebuild_study=options.rebuild_study, listener=progress, say=_say
        )
    return _finish(options.folder, outcome)


def _address(address: str) -> str:
    from search.spec import checked_address

    try:
        return checked_address(address)
    except ValueError as error:
        raise CheckError(f"--address: {error}") from error


def _status(options: argparse.Namespace) -> int:
    from search.status import status_lines

    print("\n".join(status_lines(options.folder)))
    return OK


def _report(options: argparse.Namespace) -> int:
    _show_report(options.folder)
    return OK


def _trial(options: argparse.Namespace) -> int:
    from search.storage_fault import StorageGuard
    from search.trial_command import ask_of_trial

    with StorageGuard(options.folder, again=f"trial {options.kind}"):
        print(ask_of_trial(options.folder, options.number, options.kind, seed=options.seed, texts=options.changes))
    return OK


def _on_folder(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Let a command that reads a sweep's folder complain in one line if it can't be read."""

    def reading(options: argparse.Namespace) -> int:
        from results import ResultsError

        try:
            return run(options)
        except ResultsError as error:
            raise RecordError(str(error)) from error

    return reading


def _finish(folder: Path, outcome: Outcome) -> int:
    _show_report(folder)
    if outcome.signal and outcome.is_suspended:
        _say(f"interrupted by {outcome.signal}; what was measured is kept; go on by: paretune resume {folder}")
        return INTERRUPTED
    if not outcome.completed and (outcome.is_hopeless or not outcome.is_suspended):
        failure = f"; the last failure: {outcome.last_failure}" if outcome.last_failure else ""
        return _complain(SearchError(f"no trial reached its last step{failure}"), FAILED)
    if outcome.is_suspended:
        print(f"a limit of the sweep is reached; go on by: paretune resume {folder}")
    return OK


def _show_report(folder: Path) -> None:
    from results import write_report
    from search.front_table import print_front
    from search.storage_fault import StorageGuard

    with StorageGuard(folder, again="report"):
        path = write_report(folder)
    print_front(folder)
    print(f"report: {path}")


if __name__ == "__main__":
    sys.exit(main())
