import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest
from made_answers import add_answers
from made_sweep import COLUMNS, baseline, complete, failed, make_large_sweep, pruned
from report_page import figure_of, marks, page, title_of, without_library

from results import Objective, RecordColumns, write_report
from results.report.front_figure import MOST_DOMINATED, front_figure
from results.report.write import read_content

USUAL = [baseline(0.50, 0.60), complete(0.60, 0.55), complete(0.55, 0.70), complete(0.45, 0.50), pruned(20, 0.1, 0.1)]


def test_the_front_shows_every_completed_trial_with_the_baseline_in_a_form_of_its_own(tmp_path):
    front = figure_of(page(tmp_path, USUAL), "better")
    assert len(marks(front, "front")) == 2
    assert len(marks(front, "dominated")) == 1
    (mark,) = marks(front, "baseline")
    assert mark.tag.endswith("polygon")
    assert title_of(mark) == "trial 0, baseline: grounding.miou 0.500, text.token_f1 0.600"


def test_larger_scores_lie_further_right_and_higher(tmp_path):
    front = figure_of(page(tmp_path, USUAL), "better")
    one, two = sorted(marks(front, "front"), key=lambda mark: float(mark.get("cx")))
    assert "trial 2" in title_of(one) and "trial 1" in title_of(two)
    assert float(one.get("cy")) < float(two.get("cy"))


def test_smaller_can_be_better(tmp_path):
    objectives = (COLUMNS.objectives[0], Objective("text.loss", "minimize", 0, None))
    columns = RecordColumns(params={}, objectives=objectives, metrics=(), terms=())
    text = page(tmp_path, [baseline(0.5, 2.0), complete(0.6, 1.5), complete(0.7, 1.8)], columns=columns)
    assert "text.loss (smaller is better)" in text
    assert "Trial 1 beats plain cross entropy in both objectives" in text


def test_the_hypervolume_is_drawn_for_every_ended_trial(tmp_path):
    area = figure_of(page(tmp_path, USUAL), "progress")
    assert [len(marks(area, kind)) for kind in ("front", "ring", "pruned", "failed")] == [3, 1, 1, 0]
    # above the reference 0.45, 0.55: baseline, 1 and 2 cover (0.55-0.45)*(0.70-0.55) + nothing more at 0.55
    assert "after trial 4 (PRUNED): 0.015" in [title_of(mark) for mark in marks(area, "pruned")]


def test_pruned_trials_are_counted_at_their_step(tmp_path):
    text = page(tmp_path, USUAL)
    assert "1 of 5 ended trials were pruned: 1 at step 20. That saved 20 of 200 steps (10%)." in text
    assert [title_of(mark) for mark in marks(figure_of(text, "pruning"), "pruned")] == ["step 20: 1 pruned here"]


@pytest.mark.parametrize(
    ("constant", "words"), [(0.1, "← constant box 0.100, outside"), (0.9, "constant box 0.900, outside →")]
)
def test_a_constant_box_outside_the_figure_is_pointed_to_on_its_side(tmp_path, constant, words):
    trials = [baseline(0.5, 0.6, constant_box_miou=constant), complete(0.6, 0.5, constant_box_miou=constant)]
    front = figure_of(page(tmp_path, trials), "better")
    assert words in [note.text for note in marks(front, "note")]


def test_a_constant_box_inside_the_figure_is_a_line(tmp_path):
    trials = [baseline(0.1, 0.6, constant_box_miou=0.2), complete(0.6, 0.5, constant_box_miou=0.2)]
    (line,) = marks(figure_of(page(tmp_path, trials), "better"), "constant")
    assert line.get("x1") == line.get("x2")


def test_a_collapsed_trial_does_not_squeeze_the_front_and_is_named(tmp_path):
    usual = [complete(0.5 + 0.01 * n, 0.6 - 0.01 * n) for n in range(9)]
    text = page(tmp_path, [baseline(0.52, 0.55), *usual, complete(0.02, 0.05)])
    front = figure_of(text, "better")
    assert "1 completed trial far worse than most is not drawn: 10." in text
    assert not any("trial 10:" in title_of(mark) for mark in marks(front, "dominated"))
    places = [float(mark.get("cx")) for mark in marks(front, "front")]
    assert max(places) - min(places) > 300


def test_bars_of_early_rungs_close_to_each_other_do_not_overlap(tmp_path):
    stops = [pruned(step, 0.1, 0.1) for step in (2, 4, 8, 16, 32, 64, 128, 256)]
    figure = figure_of(page(tmp_path, [baseline(0.5, 0.6), *stops]), "pruning")
    bars = marks(figure, "bar")
    edges = sorted({(float(bar.get("x")), float(bar.get("x")) + float(bar.get("width"))) for bar in bars})
    assert len(edges) > 6
    assert all(right <= left for (_, right), (left, _) in pairwise(edges))


def test_a_front_of_thousands_is_thinned_but_keeps_its_front_and_baseline(tmp_path):
    dominated = [complete(0.4 + n / 1e5, 0.4) for n in range(MOST_DOMINATED + 300)]
    content = read_content(make_large_sweep(tmp_path, [baseline(0.5, 0.6), complete(0.6, 0.5), *dominated]))
    figure = ElementTree.fromstring(front_figure(content.summary, content.findings))
    assert len(marks(figure, "dominated")) == MOST_DOMINATED
    assert len(marks(figure, "baseline")) == len(marks(figure, "front")) == 1


def test_what_was_confirmed_is_drawn_beside_what_was_searched(tmp_path):
    folder = add_answers(make_large_sweep(tmp_path, USUAL), confirmed=[0, 1, 2])
    front = figure_of(without_library(write_report(folder).html), "better")
    assert sorted(title_of(mark).split(",")[0] for mark in marks(front, "confirmed")) == [
        "trial 0",
        "trial 1",
        "trial 2",
    ]
    assert marks(front, "attained")


def test_every_figure_is_a_file_that_needs_no_style_sheet_of_a_page(tmp_path):
    from PIL import Image

    files = write_report(make_large_sweep(tmp_path, [*USUAL, failed()]))
    assert {path.suffix for path in files.figures} == {".svg", ".png"}
    for path in files.figures:
        if path.suffix == ".svg":
            assert "var(" not in path.read_text()
            ElementTree.parse(path)
        else:
            with Image.open(path) as picture:
                colours = picture.convert("RGB").getcolors(maxcolors=1_000_000)
                assert picture.width == 1200 and len(colours) > 10
                dark = sum(number for number, colour in colours if max(colour) < 60)
                assert dark > 200, f"{path.name} has no words"


def test_figures_that_are_no_longer_drawn_are_removed(tmp_path):
    make_large_sweep(tmp_path, USUAL)
    leftover = tmp_path / "report" / "figures" / "old.svg"
    leftover.parent.mkdir(parents=True)
    leftover.write_text("<svg/>")
    write_report(tmp_path)
    assert not leftover.exists()
