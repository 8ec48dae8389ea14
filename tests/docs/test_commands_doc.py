"""docs/commands.md lists every command with its arguments as the parsers know them, no more and no less."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.cli import _parser
from search.commands.completion import SHELLS

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()


def parsers(parser: argparse.ArgumentParser, name: str = "paretune") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Give each command that can be run, by its words."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield name, parser
    for action in inner:
        for word, command in action.choices.items():
            yield from parsers(command, f"{name} {word}")


def row(action: argparse.Action) -> str:
    metavar = str(action.metavar or "")
    words = ", ".join(f"{option} {metavar}".strip() for option in action.option_strings) or metavar
    if action.nargs == "?":
        words = words.replace(metavar, f"[{metavar}]")
    return f"| `{words}` | {action.help} |"


def rows_of(command: argparse.ArgumentParser) -> list[str]:
    return [row(action) for action in command._actions if not isinstance(action, argparse._HelpAction)]


def section(name: str) -> str:
    found = re.search(rf"^## {re.escape(name)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/commands.md has no section '## {name}'"
    return found[1]


@pytest.mark.parametrize(
    ("name", "command"), list(parsers(_parser())), ids=lambda value: value if isinstance(value, str) else ""
)
def test_each_argument_of_a_command_stands_in_its_section(name, command):
    written = [line for line in section(name).splitlines() if line.startswith("| `")]
    assert written == rows_of(command), "\n".join(["expected", *rows_of(command)])


@pytest.mark.parametrize(
    ("name", "command"), list(parsers(_parser())), ids=lambda value: value if isinstance(value, str) else ""
)
def test_the_help_of_a_command_says_its_exit_codes_as_the_page_does(name, command):
    said = " ".join(command.format_help().split())
    assert re.search(r"exit codes: 0 (done, 1 failed, 2 bad input, 130 interrupted|no problem, 2 at least one)", said)
    assert "Exit codes: 0 done, 1 failed, 2 bad input" in PAGE and "130 interrupted" in PAGE


def test_no_section_is_of_a_command_that_there_is_not():
    assert set(re.findall(r"^## (paretune .+)$", PAGE, re.MULTILINE)) == {name for name, _ in parsers(_parser())}


def test_every_shell_that_can_complete_is_named():
    assert all(f"paretune completion {shell} >" in PAGE for shell in SHELLS)
