import importlib.util
import re
import sys
from pathlib import Path
from typing import get_args

import pytest

from search.cli import _parser
from search.exit_codes import BAD_INPUT, FAILED, INTERRUPTED, OK
from spaces import TERM_NAMES
from spaces.curriculum import Difficulty, Mix, Pacing
from spaces.schedules import Shape
from spaces.weighting import WeightingName

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_two_commands_are_targets_of_the_makefile():
    commands = re.findall(r"^make (\w+)", README, re.MULTILINE)
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert commands == ["sweep", "test"]
    assert set(commands) <= set(targets)


def test_every_example_is_listed_and_nothing_else():
    listed = set(re.findall(r"\[`(examples/[^`]+)`\]", README))
    assert listed == {f"examples/{path.name}" for path in (ROOT / "examples").glob("*.yaml")}


def test_every_command_is_shown():
    shown = set(re.findall(r"^paretune (\w+) .*#", README, re.MULTILINE))
    actions = next(action for action in _parser()._actions if action.choices)
    assert shown == set(actions.choices)


def test_exit_codes_are_those_of_the_command():
    text = " ".join(README.split())
    assert f"{OK} done, {FAILED} failed, {BAD_INPUT} bad input" in text
    assert f"{INTERRUPTED} interrupted and resumable" in text


def test_every_loss_term_weighting_schedule_and_curriculum_is_explained():
    losses = (ROOT / "docs" / "losses.md").read_text()
    names = (Shape, WeightingName, Pacing, Difficulty, Mix)
    expected = [*TERM_NAMES, *(name for kind in names for name in get_args(kind))]
    assert sorted(re.findall(r"^\| `(\w+)` \| ", losses, re.MULTILINE)) == sorted(expected)


def test_every_module_of_the_house_is_in_its_plan():
    plan = (ROOT / "ARCHITECTURE.md").read_text()
    for package in ("search", "trainable", "spaces", "results"):
        for module in (ROOT / package).rglob("*.py"):
            where = module.relative_to(ROOT / package)
            names = {where.name, where.as_posix(), where.stem, *(f"{parent}/" for parent in where.parents)}
            if where.name not in ("__init__.py", "errors.py", "base.py"):
                assert any(f"`{name}`" in plan for name in names), f"{package}/{where}"


def test_the_measured_table_has_every_setting_of_the_benchmark():
    spec = importlib.util.spec_from_file_location("losses_benchmark", ROOT / "benchmarks" / "losses.py")
    benchmark = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = benchmark
    spec.loader.exec_module(benchmark)
    names = [setting.name for setting in benchmark.settings()]
    page = (ROOT / "docs" / "losses.md").read_text()
    assert re.findall(r"^\| ([^|`]+) \| [^|]* \| [^|]+ \| [^|]+ \| [^|]+ \|$", page, re.MULTILINE)[2:] == names
