import json

import pytest
from made_sweep import COLUMNS, baseline, complete, make_large_sweep

from results import Objective, RecordColumns
from search.cli import main

TRIALS = [baseline(0.5, 0.6), complete(0.6, 0.7), complete(0.7, 0.65)]


@pytest.fixture
def two(tmp_path):
    return [make_large_sweep(tmp_path / name, TRIALS) for name in ("one", "two")]


def test_it_prints_the_front_the_verdicts_and_the_path(two, capsys):
    assert main(["report", str(two[0])]) == 0
    printed = capsys.readouterr().out
    assert "Is there a better trade-off than plain cross entropy? Trial 2 beats" in printed
    assert printed.rstrip().endswith(f"report: {two[0] / 'report' / 'report.html'}")
    assert "baseline" in printed


def test_as_json_it_prints_one_object_with_every_card_and_file(two, tmp_path, capsys):
    out = tmp_path / "else" / "night.html"
    assert main(["report", str(two[0]), "--out", str(out), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["report"] == str(out) and out.exists()
    assert {card["verdict"] for card in result["cards"]} <= {"good", "watch", "problem"}
    (choice,) = [card for card in result["cards"] if card["key"] == "choice"]
    assert choice["command"].startswith(f"paretune export {two[0]} --trial ")
    assert all((out.parent / path.rpartition("else/")[2]).exists() for path in result["figures"])


def test_several_folders_are_compared(two, capsys):
    assert main(["report", *map(str, two)]) == 0
    printed = capsys.readouterr().out
    assert "Which sweep found the better trade-offs? one and two have the same hypervolume" in printed
    assert (two[0] / "report" / "comparison.html").exists()


def test_without_a_readable_spec_the_report_says_why_importance_is_missing(two, capsys):
    main(["report", str(two[0]), "--json"])
    cards = {card["key"]: card for card in json.loads(capsys.readouterr().out)["cards"]}
    assert "the sweep file in the record is none that this paretune reads" in " ".join(cards["mattered"]["notes"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{empty}"], "is no sweep"),
        (["{one}", "--out", "page.txt"], "--out must name an HTML file, such as report.html; got page.txt"),
        (["{one}", "{one}"], "was given twice"),
        (["{one}", "{other}"], "sweeps are compared by the objectives that they share"),
    ],
)
def test_bad_input_ends_with_one_message_and_code_2(two, tmp_path, capsys, words, message):
    objectives = (COLUMNS.objectives[0], Objective("text.loss", "minimize"))
    columns = RecordColumns(params={}, objectives=objectives, metrics=(), terms=())
    places = {
        "one": two[0],
        "empty": tmp_path,
        "other": make_large_sweep(tmp_path / "other", [baseline(0.5, 2.0)], columns=columns),
    }
    assert main(["report", *(word.format(**places) for word in words)]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
