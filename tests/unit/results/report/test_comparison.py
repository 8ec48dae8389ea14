import json

import numpy as np
import pytest
from made_answers import add_answers
from made_sweep import COLUMNS, METADATA, baseline, complete, failed, make_large_sweep, pruned
from report_page import data_of, without_library

from results import Objective, RecordColumns, ResultsError, write_comparison
from results.report.comparison.compared import compare, hypervolumes
from results.report.write import read_content

ONE, OTHER = {"adapter.rank": 4}, {"adapter.rank": 8}
WEAK = [baseline(0.5, 0.6), complete(0.55, 0.62, params=ONE), complete(0.52, 0.66, params=OTHER), pruned(20, 0.1, 0.1)]
STRONG = [baseline(0.5, 0.6), complete(0.80, 0.70, params=ONE), complete(0.70, 0.85, params=OTHER)]
DATA = {**METADATA, "data_hash": "aa", "spec": json.dumps({"trial": {"steps": 64}, "search": {"sampler": "tpe"}})}


def sweeps(folder, *trials, metadata=(DATA, DATA)):
    return [
        make_large_sweep(folder / name, own, metadata=given)
        for name, own, given in zip(("weak", "strong"), trials, metadata, strict=True)
    ]


def cards_of(folders):
    return {card.key: card for card in write_comparison(folders).cards}


def test_the_sweep_with_the_larger_hypervolume_from_one_reference_is_named(tmp_path):
    folders = sweeps(tmp_path, WEAK, STRONG)
    comparison = compare([read_content(folder) for folder in folders])
    assert comparison.reference == pytest.approx((0.45, 0.55))  # both baselines' reference: five points below
    # (0.80-0.45)*(0.70-0.55) + (0.70-0.45)*(0.85-0.70)
    assert comparison.finals[1] == pytest.approx(0.09)
    card = cards_of(folders)["better"]
    assert card.answer.startswith("strong has the larger hypervolume, 0.09 against")


def test_the_common_reference_is_the_worst_of_all_in_each_objective(tmp_path):
    folders = sweeps(tmp_path, [baseline(0.4, 0.9), complete(0.5, 0.95)], [baseline(0.6, 0.5), complete(0.7, 0.6)])
    comparison = compare([read_content(folder) for folder in folders])
    assert comparison.reference == pytest.approx((0.35, 0.45))


def test_the_share_of_a_front_that_another_covers(tmp_path):
    comparison = compare([read_content(folder) for folder in sweeps(tmp_path, WEAK, STRONG)])
    assert comparison.covered(0, by=1) == 1.0
    assert comparison.covered(1, by=0) == 0.0


def test_paired_replicates_say_how_sure_it_is(tmp_path):
    folders = [add_answers(folder, rows=120) for folder in sweeps(tmp_path, WEAK, STRONG)]
    card = cards_of(folders)["better"]
    assert card.verdict == "good"
    assert card.answer.endswith("so it is in 100% of the replicates.")
    assert "paired" in " ".join(card.notes)


def test_the_same_sweep_twice_is_a_tie_in_every_paired_replicate(tmp_path):
    folders = [add_answers(folder, rows=40) for folder in sweeps(tmp_path, STRONG, STRONG)]
    card = cards_of(folders)["better"]
    assert "weak and strong have the same hypervolume" in card.answer
    assert card.verdict == "watch"
    one, other = (row[4].text for row in card.tables[0].rows)
    assert one == other


def test_mirrored_hypervolumes_are_the_basic_bootstraps():
    recorded = np.array([[1.0, 1.0]])
    draws = np.array([[[2.0, 1.0]], [[0.5, 1.0]]])
    found = hypervolumes([recorded], [draws], ["maximize", "maximize"], reference=(0.0, 0.0), is_paired=True)
    assert found.values[0].tolist() == [0.0, 1.5]  # 2 * 1 - 2, 2 * 1 - 0.5


def test_a_lead_by_budget_alone_is_to_watch(tmp_path):
    late = [baseline(0.5, 0.6), *(complete(0.5, 0.5) for _ in range(5)), complete(0.9, 0.9)]
    early = [baseline(0.5, 0.6), complete(0.7, 0.7)]
    card = cards_of(sweeps(tmp_path, late, early))["budget"]
    assert card.verdict == "watch"
    assert "so strong was ahead at equal numbers" in card.answer


@pytest.mark.parametrize(
    ("change", "verdict", "words"),
    [
        ({}, "good", "Nothing that is recorded"),
        ({"spec": {"trial": {"steps": 64}, "search": {"sampler": "random"}}}, "good", "none of which changes"),
        ({"version.torch": "9"}, "watch", "1 circumstances differ"),
        ({"data_hash": "bb"}, "problem", "data_hash"),
        ({"spec": {"trial": {"steps": 99}, "search": {"sampler": "tpe"}}}, "problem", "trial.steps"),
    ],
)
def test_what_differs_is_judged_by_what_it_changes(tmp_path, change, verdict, words):
    other = {**DATA, **{key: value if isinstance(value, str) else json.dumps(value) for key, value in change.items()}}
    cards = cards_of(sweeps(tmp_path, WEAK, STRONG, metadata=(DATA, other)))
    assert cards["differences"].verdict == verdict
    assert words in cards["differences"].answer
    assert (cards["better"].verdict == "problem") == (verdict == "problem")


def test_the_page_holds_both_sweeps_and_tells_their_trials_apart(tmp_path):
    folders = sweeps(tmp_path, WEAK, STRONG)
    files = write_comparison(folders)
    assert files.html == folders[0] / "report" / "comparison.html"
    assert files.front.name == "comparison-front.csv"
    data = data_of(without_library(files.html))
    assert [sweep["name"] for sweep in data["sweeps"]] == ["weak", "strong"]
    assert sorted(zip(data["trials"]["sweep"], data["trials"]["trial"], strict=True))[-1] == (1, 2)
    assert files.front.read_text().splitlines()[0].startswith("sweep,trial,role")
    assert "strong" in files.markdown.read_text()


def test_folders_of_one_name_are_told_apart_by_their_parents(tmp_path):
    folders = [make_large_sweep(tmp_path / parent / "sweep", STRONG) for parent in ("one", "two")]
    assert "one/sweep" in write_comparison(folders).html.read_text()


@pytest.mark.parametrize("trials", [[], [failed()], [complete(0.5, 0.5)]])
def test_a_comparison_with_nothing_to_compare_is_not_blank(tmp_path, trials):
    cards = cards_of(sweeps(tmp_path, trials, trials))
    assert cards["better"].verdict == "problem"
    assert cards["better"].answer.startswith("It cannot be told")


def test_sweeps_with_other_objectives_are_refused_with_both(tmp_path):
    other = RecordColumns(
        params={}, objectives=(COLUMNS.objectives[0], Objective("text.loss", "minimize")), metrics=(), terms=()
    )
    folders = [
        make_large_sweep(tmp_path / "a", STRONG),
        make_large_sweep(tmp_path / "b", [baseline(0.5, 1)], columns=other),
    ]
    with pytest.raises(
        ResultsError, match=r"a has grounding.miou .*text.token_f1.* and .*b has .*text.loss \(minimize"
    ):
        write_comparison(folders)


def test_a_sweep_given_twice_is_refused(tmp_path):
    folder = make_large_sweep(tmp_path / "a", STRONG)
    with pytest.raises(ResultsError, match="given twice"):
        write_comparison([folder, tmp_path / "a" / ".." / "a"])
