"""``paretune trial``: ask something of one trial."""

from __future__ import annotations

import argparse
from typing import Any

from search.commands.folders import add_folder
from search.commands.output import add_json, show
from search.exit_codes import EPILOG, OK


def add(commands: Any) -> None:
    """Add the command."""
    trial = commands.add_parser(
        "trial", help="ask something of one trial of a sweep, also while it runs", epilog=EPILOG
    )
    kinds = trial.add_subparsers(required=True, metavar="WHAT")
    for kind, text in (
        ("stop", "stop it at its next report"),
        ("pin", "keep its checkpoint after it has ended"),
        ("extend", "let it run to its last step, whatever the pruner says; one that was stopped is run again"),
        ("clone", "run it again as a new trial, with another seed or other settings"),
    ):
        command = kinds.add_parser(kind, help=text, epilog=EPILOG)
        add_folder(command, _trial)
        command.add_argument("number", type=int, metavar="N", help="the trial's number")
        add_json(command)
        command.set_defaults(kind=kind, seed=None, changes=[])
        if kind == "clone":
            command.add_argument("--seed", type=int, metavar="S", help="its seed (default: another than the trial's)")
            command.add_argument(
                "--set",
                action="append",
                metavar="KEY=VALUE",
                dest="changes",
                help="another value of a searched key, e.g. optimizer.learning_rate=2e-4; may be repeated",
            )


def _trial(options: argparse.Namespace) -> int:
    from search.storage_fault import StorageGuard
    from search.trial_command import ask_of_trial

    with StorageGuard(options.folder, again=f"trial {options.kind}", after=[options.number]):
        said = ask_of_trial(options.folder, options.number, options.kind, seed=options.seed, texts=options.changes)
    show(options, [said], {"trial": options.number, "request": options.kind, "effect": said})
    return OK
