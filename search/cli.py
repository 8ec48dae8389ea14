"""The ``paretune`` command. Heavy packages are imported inside the command that needs them."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata

from search.commands import COMMANDS
from search.commands.output import say
from search.errors import (
    CheckError,
    ConfirmError,
    FolderError,
    PlanError,
    RecordError,
    RequestError,
    SearchError,
    ShadowedPackageError,
    SpecError,
    UnfitClusterError,
    WarmStartError,
)
from search.exit_codes import BAD_INPUT, EPILOG, FAILED, INTERRUPTED
from search.guard import shadowing_faults

_BAD_INPUTS = (
    SpecError,
    CheckError,
    ConfirmError,
    FolderError,
    PlanError,
    RecordError,
    RequestError,
    ShadowedPackageError,
    UnfitClusterError,
    WarmStartError,
)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        words: Arguments; those of the process if absent.

    Returns:
        The exit code.

    """
    parser = _parser()
    options, unknown = parser.parse_known_args(words)
    if unknown:  # argparse would show how the command without a subcommand is used
        _refuse(options.command, unknown)
    options.parser = parser
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        if faults := list(shadowing_faults()):
            raise ShadowedPackageError("\n".join(faults))
        return options.run(options)
    except _BAD_INPUTS as error:
        return _complain(error, BAD_INPUT)
    except SearchError as error:
        return _complain(error, FAILED)
    except KeyboardInterrupt as error:
        print(f"interrupted{f' by {error}' if str(error) else ''}; what was measured is kept", file=sys.stderr)
        return INTERRUPTED


def _refuse(command: argparse.ArgumentParser, unknown: Sequence[str]) -> None:
    """End with the usage of a subcommand, and how keys are set where it can set them."""
    ways = [str(action.help) for action in command._actions if "--set" in action.option_strings]
    hint = f"; did you mean --set KEY=VALUE ({ways[0]})?" if ways else ""
    command.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")


def _complain(error: Exception, code: int) -> int:
    say(str(error))
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="paretune",
        description="Search loss mixtures, LoRA settings and curricula for Qwen2-VL: grounding against text quality.",
        epilog=EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}", help="say which version it is")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in COMMANDS:
        add(commands)
    for command in _leaves(parser):
        command.set_defaults(command=command)
    return parser


def _leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Give the parsers of all commands that can be run."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield parser
    for action in inner:
        for command in action.choices.values():
            yield from _leaves(command)


def _version() -> str:
    try:
        return metadata.version("paretune")
    except metadata.PackageNotFoundError:
        return "of a checkout that is not installed"


if __name__ == "__main__":
    sys.exit(main())
