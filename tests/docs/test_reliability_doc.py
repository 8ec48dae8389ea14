"""The page on reliability names public reports and tests: each must exist, and name the report."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(
    r"^\| \[([\w-]+)#(\d+)\]\((https://github\.com/[\w.-]+/([\w-]+)/issues/(\d+))\) \| .+ \| `(\w+)` \|$", re.M
)
TABLE = (ROOT / "docs" / "reliability.md").read_text().split("## Public reports")[1].split("\n## ")[0]


def reports():
    return [match.groups() for match in ROW.finditer(TABLE)]


def named_tests():
    """Give the tests of public reports by name, each with its docstring."""
    found = {}
    for file in (ROOT / "tests" / "integration").glob("test_public_reports_*.py"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and re.match(r"test_(ray|optuna|stimulus)_", node.name):
                found[node.name] = ast.get_docstring(node) or ""
    return found


def test_every_row_of_reports_is_read():
    assert len(reports()) == TABLE.count("](https://") > 30


def test_every_report_has_a_test_that_names_it_and_links_to_it():
    docstrings = named_tests()
    for repository, number, link, named, numbered, test in reports():
        assert (repository, number) == (named, numbered)
        assert re.search(rf"{link}\b", docstrings[test]), test
        assert re.search(rf"_{number}_", test), test


def test_every_test_of_a_report_is_on_the_page():
    assert named_tests().keys() == {test for *_, test in reports()}


def test_files_that_the_page_names_exist():
    for name in re.findall(r"`((?:tests/\w+/)?test_\w+\.py)`", TABLE):
        assert list(ROOT.glob(name if "/" in name else f"tests/integration/{name}")), name
