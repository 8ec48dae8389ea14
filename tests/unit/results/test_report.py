import json
import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pytest
from made_sweep import COLUMNS, baseline, complete, failed, make_large_sweep, make_sweep, pruned

from results import Objective, RecordColumns, ResultsError, pareto_table, report, write_report
from results.curves import MOST_NUMBERS

USUAL = [baseline(0.50, 0.60), complete(0.60, 0.55), complete(0.55, 0.70), complete(0.45, 0.50), pruned(20, 0.1, 0.1)]


LIBRARY = (Path(report.__file__).parent / "assets/echarts/echarts.common.min.js").read_text()


def page(folder, trials, **settings):
    return without_library(write_report(make_sweep(folder, trials, **settings)))


def without_library(path):
    """Give the page without the charting library, whose code holds tags and addresses."""
    return path.read_text().replace(LIBRARY, "")


def figures(text):
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]


def marks(figure, kind):
    return [node for node in figure.iter() if node.get("class") == kind]


def test_the_front_shows_every_completed_trial_with_the_baseline_in_a_form_of_its_own(tmp_path):
    front = figures(page(tmp_path, USUAL))[0]
    assert len(marks(front, "front")) == 2
    assert len(marks(front, "dominated")) == 1
    (mark,) = marks(front, "baseline")
    assert mark.tag.endswith("polygon")
    assert mark[0].text == "trial 0, baseline: grounding.miou 0.500, text.token_f1 0.600"


def test_larger_scores_lie_further_right_and_higher(tmp_path):
    front = figures(page(tmp_path, USUAL))[0]
    one, two = sorted(marks(front, "front"), key=lambda mark: float(mark.get("cx")))
    assert "trial 2" in one[0].text and "trial 1" in two[0].text
    assert float(one.get("cy")) < float(two.get("cy"))


def test_the_hypervolume_is_drawn_for_every_ended_trial(tmp_path):
    area = figures(page(tmp_path, USUAL))[1]
    assert [len(marks(area, kind)) for kind in ("front", "pruned", "failed")] == [4, 1, 0]
    # above the reference 0.45, 0.55: baseline, 1 and 2 cover (0.55-0.45)*(0.70-0.55) + nothing more at 0.55
    assert "after trial 4 (PRUNED): 0.015" in [mark[0].text for mark in marks(area, "pruned")]


def test_pruned_trials_are_counted_at_their_step(tmp_path):
    text = page(tmp_path, USUAL)
    assert "1 of 5 ended trials were pruned: 1 at step 20. That saved 20 of 200 steps (10%)." in text
    assert [mark[0].text for mark in marks(figures(text)[2], "bar-pruned")] == ["step 20: 1 pruned here"]


def test_the_constant_box_and_parse_failures_stand_beside_the_grounding_score(tmp_path):
    text = page(tmp_path, USUAL)
    names = re.findall(r"<th scope=\"col\">([^<]+)</th>", text)
    at = names.index("grounding.miou")
    assert names[at : at + 3] == ["grounding.miou", "grounding.constant_box_miou", "grounding.parse_failure_rate"]
    assert "One constant box, the mean training box, gets 0.170 in grounding.miou on the same rows." in text


@pytest.mark.parametrize(
    ("constant", "words"), [(0.1, "← constant box 0.100, outside"), (0.9, "constant box 0.900, outside →")]
)
def test_a_constant_box_outside_the_figure_is_pointed_to_on_its_side(tmp_path, constant, words):
    trials = [baseline(0.5, 0.6, constant_box_miou=constant), complete(0.6, 0.5, constant_box_miou=constant)]
    front = figures(page(tmp_path, trials))[0]
    assert words in [note.text for note in marks(front, "note")]


def test_a_constant_box_inside_the_figure_is_a_line(tmp_path):
    trials = [baseline(0.1, 0.6, constant_box_miou=0.2), complete(0.6, 0.5, constant_box_miou=0.2)]
    (line,) = marks(figures(page(tmp_path, trials))[0], "constant")
    assert line.get("x1") == line.get("x2")


def test_a_collapsed_trial_does_not_squeeze_the_front_and_is_named(tmp_path):
    usual = [complete(0.5 + 0.01 * n, 0.6 - 0.01 * n) for n in range(9)]
    text = page(tmp_path, [baseline(0.52, 0.55), *usual, complete(0.02, 0.05)])
    front = figures(text)[0]
    assert "1 completed trial far worse than most is not drawn: 10." in text
    assert not any("trial 10:" in mark[0].text for mark in marks(front, "dominated"))
    places = [float(mark.get("cx")) for mark in marks(front, "front")]
    assert max(places) - min(places) > 300


def test_bars_of_early_rungs_close_to_each_other_do_not_overlap(tmp_path):
    stops = [pruned(step, 0.1, 0.1) for step in (2, 4, 8, 16, 32, 64, 128, 256)]
    bars = [
        bar
        for kind in ("bar", "bar-pruned")
        for bar in marks(figures(page(tmp_path, [baseline(0.5, 0.6), *stops]))[-1], kind)
    ]
    edges = sorted({(float(bar.get("x")), float(bar.get("x")) + float(bar.get("width"))) for bar in bars})
    assert len(edges) > 6
    assert all(right <= left for (_, right), (left, _) in pairwise(edges))


def test_a_sweep_that_learnt_no_more_than_a_constant_box_says_so(tmp_path):
    text = page(tmp_path, [baseline(0.10, 0.5), complete(0.16, 0.6)])
    assert "nothing here has learned to ground" in text


DEGENERATE = {
    "no trial": ([], ["No trial has ended yet", "There is no front", "Nothing has been pruned"]),
    "all failed": ([failed(), failed("diverged: giou")], ["No trial completed", "There is no hypervolume", "diverged"]),
    "only the baseline": ([baseline(0.5, 0.6)], ["Only the baseline completed", "no trade-off to draw"]),
    "no baseline": ([complete(0.5, 0.6), complete(0.6, 0.5)], ["Nothing can be compared with plain cross entropy"]),
    "failed baseline": ([failed(role="baseline"), complete(0.5, 0.6)], ["its trial 0 ended as FAIL (out of memory)"]),
    "one objective constant": (
        [baseline(0.5, 0.6), complete(0.6, 0.6), complete(0.7, 0.6)],
        ["Every completed trial has the same text.token_f1, 0.600: nothing is traded against it."],
    ),
    "equal trials": ([baseline(0.5, 0.6), complete(0.5, 0.6)], ["No trial beats plain cross entropy"]),
    "no controls": (
        [
            baseline(0.5, 0.6, constant_box_miou=None, parse_failure_rate=None),
            complete(0.6, 0.5, constant_box_miou=None, parse_failure_rate=None),
        ],
        ["No completed trial reported grounding.constant_box_miou"],
    ),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_a_report_is_never_blank(tmp_path, name):
    trials, sentences = DEGENERATE[name]
    text = page(tmp_path, trials)
    for sentence in sentences:
        assert sentence in text
    for block in re.findall(r"<figure>.*?</figure>", text, re.DOTALL):
        assert "<svg" in block or "<p>" in block.split("figcaption", 1)[1]
    markdown = (tmp_path / "report" / "report.md").read_text()
    assert all(sentence in markdown for sentence in sentences)


def test_the_page_needs_no_network(tmp_path):
    text = page(tmp_path, USUAL)
    assert len(text) < 100_000
    assert LIBRARY in (tmp_path / "report" / "report.html").read_text()
    assert set(re.findall(r"https?://[^\s\"'<]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<script[^>]*src|<(link|img|iframe)\b|@import|url\(", text)


def test_texts_of_the_sweep_are_escaped(tmp_path):
    text = page(tmp_path, [*USUAL, failed("<script>alert(1)</script> & more")])
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in text


def test_texts_of_the_sweep_are_escaped_in_markdown_and_keep_to_their_cell(tmp_path):
    page(tmp_path, [*USUAL, failed("<script>alert(1)</script> | two\nlines")])
    markdown = (tmp_path / "report" / "report.md").read_text()
    assert "<" not in markdown
    assert "| &lt;script&gt;alert(1)&lt;/script&gt; \\| two lines |" in markdown


def test_smaller_can_be_better(tmp_path):
    columns = RecordColumns(
        params={}, objectives=(COLUMNS.objectives[0], Objective("text.loss", "minimize", 0, None)), metrics=(), terms=()
    )
    text = page(tmp_path, [baseline(0.5, 2.0), complete(0.6, 1.5), complete(0.7, 1.8)], columns=columns)
    assert "text.loss (smaller is better)" in text
    assert "Trial 1 beats plain cross entropy in both objectives" in text


def test_the_table_for_the_terminal_holds_the_front_and_the_baseline(tmp_path):
    make_sweep(tmp_path, USUAL)
    columns, rows = pareto_table(tmp_path)
    assert columns[:3] == ("trial", "role", "grounding.miou")
    assert [(row[0], row[1]) for row in rows] == [("1", "front"), ("2", "front"), ("0", "baseline")]


def test_a_large_sweep_is_capped_with_a_note(tmp_path):
    trials = [
        baseline(0.5, 0.5),
        *(complete(0.3 + 0.4 * (n % 97) / 97, 0.7 - 0.4 * (n % 89) / 89) for n in range(1200)),
    ]
    text = without_library(write_report(make_large_sweep(tmp_path, trials)))
    assert text.count("<tr") == 1001
    assert "201 more trials are not shown; the Parquet in trials/ has them all." in text


def test_a_folder_that_is_no_sweep_is_refused(tmp_path):
    with pytest.raises(ResultsError, match=r"is no sweep"):
        write_report(tmp_path)


def curves_of(text):
    return json.loads(re.search(r'id="curves-data">(.*?)</script>', text, re.DOTALL)[1])


def test_a_trials_losses_and_weights_are_in_the_page_report_by_report(tmp_path):
    text = page(tmp_path, USUAL)
    assert re.findall(r'<option value="\d+">(.*?)</option>', text) == [
        "1 (front)",
        "2 (front)",
        "0 (baseline)",
        "3 (complete)",
        "4 (pruned)",
    ]
    assert curves_of(text)["4"] == {
        "steps": [10, 20],
        "raw": {"text_ce": [0.2, 0.1]},
        "weighted": {"text_ce": [0.2, 0.1], "box_l1": [0.025, 0.025]},
        "weights": {"text_ce": [1.0, 1.0], "box_l1": [0.5, 0.5]},
        "scores": {"grounding.miou": [0.05, 0.1], "text.token_f1": [0.05, 0.1]},
    }


def test_the_curves_of_a_large_sweep_are_capped_with_a_note(tmp_path):
    trials = [baseline(0.5, 0.5), *(complete(0.3, 0.7 - n / 1e5) for n in range(4000))]
    text = without_library(write_report(make_large_sweep(tmp_path, trials)))
    curves = curves_of(text)
    per_trial = 3 * (1 + 1 + 2 + 2 + 2)
    assert len(curves) == MOST_NUMBERS // per_trial
    assert list(curves)[:2] == ["0", "1"]  # the front
    assert f"{4001 - len(curves):,} trials more left out; reports/ has them all." in text


def test_a_preset_is_named_in_the_tables_and_among_the_trials_to_choose(tmp_path):
    text = page(tmp_path, [baseline(0.5, 0.6), complete(0.4, 0.4, role="preset")])
    assert "<td>preset</td>" in text
    assert '<option value="1">1 (preset)</option>' in text


def test_the_false_stop_rate_stands_beside_what_was_stopped(tmp_path):
    doubted = {"going_on": "audit: would stop: below the median of 6 finished trials in all objectives at step 10"}
    trials = [baseline(0.5, 0.5), complete(0.6, 0.4, **doubted), complete(0.4, 0.4, **doubted), pruned(10, 0.1, 0.1)]
    html = page(tmp_path, trials)
    line = (
        "2 trials that the pruner would have stopped were run to the end to check it: 1 ended on the front, a"
        " false-stop rate of 50% (95 % interval 9% to 91%)."
    )
    assert line in html
    assert line in (tmp_path / "report" / "report.md").read_text()


def test_without_an_audited_trial_no_false_stop_rate_is_made_up(tmp_path):
    assert "false-stop" not in page(tmp_path, [baseline(0.5, 0.5), pruned(10, 0.1, 0.1)])
