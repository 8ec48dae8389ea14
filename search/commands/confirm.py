"""``paretune confirm``: train what a sweep found again, with new seeds, and score it on rows kept back."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from search.commands.folders import add_folder, write_sweep_report
from search.commands.output import add_json, say, show
from search.errors import CheckError, SearchError
from search.exit_codes import EPILOG, INTERRUPTED, OK

if TYPE_CHECKING:
    from search.confirm import Confirmed


def add(commands: Any) -> None:
    """Add the command."""
    confirm = commands.add_parser(
        "confirm",
        help="train what a sweep found again with new seeds, and score it on rows that were kept back",
        description="Train the front, what may be on it, the baseline and the best static trial again, each with new "
        "seeds, and score them on the split confirm and then, once, on the split test. The list is frozen by the first "
        "call; an interrupted one goes on by the same command.",
        epilog=EPILOG,
    )
    add_folder(confirm, _confirm)
    confirm.add_argument("--seeds", type=int, metavar="N", help="new seeds for each setting, at least 3 (default: 3)")
    confirm.add_argument(
        "--trials",
        type=int,
        nargs="+",
        metavar="T",
        help="confirm these completed trials instead (default: at most 12, chosen by the search's scores)",
    )
    confirm.add_argument(
        "--test",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether to score on the split test when all is confirmed, which is done once (default: if it has rows)",
    )
    confirm.add_argument(
        "--concurrency", type=int, metavar="N", help="runs at a time (default: as many as the sweep's trials or packs)"
    )
    confirm.add_argument(
        "--address", metavar="A", help="Ray cluster to run on: local, auto or HOST:PORT (default: the sweep's)"
    )
    add_json(confirm)


def _confirm(options: argparse.Namespace) -> int:
    from results import read_sweep
    from search.sweep_spec import spec_of

    tables, spec = read_sweep(options.folder), spec_of(options.folder)
    address = spec.search.address if options.address is None else _address(options.address)

    from search.check import check_same_data

    data = check_same_data(spec, data_hash=tables.metadata["data_hash"])

    from search.ray_settings import set_up_ray

    set_up_ray(address)

    from search.confirm import Wishes, check_wishes, confirm
    from search.confirm_result import confirm_lines, confirm_result
    from search.items import item_rows

    wishes = Wishes(
        seeds=options.seeds,
        trials=None if options.trials is None else tuple(options.trials),
        test=options.test,
        concurrency=options.concurrency,
        address=None if options.address is None else address,
    )
    split = data.prepared.split
    check_wishes(options.folder, spec, wishes, split=split)
    found = confirm(options.folder, wishes, split=split, items=lambda: item_rows(split), say=say)
    tables = read_sweep(options.folder)
    report = write_sweep_report(options.folder).html
    result = confirm_result(found.plan, tables, spec, is_complete=found.is_complete)
    show(options, [*confirm_lines(found.plan, tables, spec), f"report: {report}"], {**result, "report": str(report)})
    return _finish(options, found, new=len(tables.confirmations) - found.had)


def _finish(options: argparse.Namespace, found: Confirmed, *, new: int) -> int:
    from results import read_sweep

    if found.signal and not found.is_complete:
        say(f"interrupted by {found.signal}; finished runs are kept; go on by: paretune confirm {options.folder}")
        return INTERRUPTED
    if not new:
        opened = found.plan.test_opened
        once = (
            "" if opened is None else f"; the split test was opened on {opened:%Y-%m-%d %H:%M} and is not scored again"
        )
        say(f"the confirmation is complete already, so nothing was done{once}")
    rows = read_sweep(options.folder).confirmations
    if "COMPLETE" not in set(rows["state"]):
        raise SearchError(f"no run reached its last step; the last failure: {rows['reason'].iloc[-1]}")
    return OK


def _address(address: str) -> str:
    from search.spec import checked_address

    try:
        return checked_address(address)
    except ValueError as error:
        raise CheckError(f"--address: {error}") from error
