"""The ``paretune`` command. Heavy packages are imported inside the command that needs them."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

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
    options = parser.parse_args(words)
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


def _complain(error: Exception, code: int) -> int:
    say(str(error))
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="paretune",
        description="Search loss mixtures, LoRA settings and curricula for Qwen2-VL: grounding against text quality.",
        epilog=EPILOG,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in COMMANDS:
        add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
