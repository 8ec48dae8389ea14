"""``paretune completion``: a script that lets a shell complete commands, options, files and folders."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from search.commands.output import print_result
from search.exit_codes import EPILOG, OK

SHELLS = ("bash", "zsh", "fish")
_HOW = """\
bash: paretune completion bash > ~/.local/share/bash-completion/completions/paretune
zsh:  paretune completion zsh > "${fpath[1]}/_paretune"
fish: paretune completion fish > ~/.config/fish/completions/paretune.fish"""


def add(commands: Any) -> None:
    """Add the command."""
    completion = commands.add_parser(
        "completion",
        help="print a script that completes the command in a shell",
        description=f"Print a completion script. Where shells look for it:\n\n{_HOW}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EPILOG,
    )
    completion.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    completion.set_defaults(run=_completion)


def _completion(options: argparse.Namespace) -> int:
    import shtab

    for action in _actions(options.parser):
        kind = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY}.get(str(action.metavar))
        if kind is not None:
            action.complete = kind  # pyright: ignore[reportAttributeAccessIssue] where shtab looks for it
    print_result(shtab.complete(options.parser, shell=options.shell))
    return OK


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Give every argument of a parser and of its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _actions(inner)
