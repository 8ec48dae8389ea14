import re

import pytest
from made_answers import add_answers
from made_sweep import baseline, complete, failed, make_large_sweep, pruned
from report_page import LIBRARY, data_of, page, without_library

from results import ResultsError, pareto_table, write_report

USUAL = [baseline(0.50, 0.60), complete(0.60, 0.55), complete(0.55, 0.70), complete(0.45, 0.50), pruned(20, 0.1, 0.1)]
HOSTILE = "</script><script>alert(1)</script> & `x` | <!-- [a](javascript:b)\nline"

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
    cards = re.findall(r'<article class="card.*?</article>', text, re.DOTALL)
    assert len(cards) >= 9
    for card in cards:
        assert re.search(r'<p class="answer">[^<]{20,}</p>', card)
        assert re.search(r"Good</span>|Watch</span>|Problem</span>", card)
        assert "How this verdict is reached" in card
    markdown = (tmp_path / "report" / "report.md").read_text()
    assert all(sentence in markdown for sentence in sentences)


def test_the_page_needs_no_network(tmp_path):
    text = page(tmp_path, USUAL)
    assert len(text) < 150_000
    assert LIBRARY in (tmp_path / "report" / "report.html").read_text()
    assert set(re.findall(r"https?://[^\s\"'<]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<script[^>]*src|<(link|iframe)\b|@import|url\(", text)


def test_texts_of_the_sweep_are_escaped(tmp_path):
    hostile, plain = ({"mixture.weighting": value} for value in (HOSTILE, "static"))
    drawn = [complete(0.7, 0.2, params=hostile), complete(0.1, 0.2, params=plain)]
    text = page(tmp_path, [*USUAL, failed(HOSTILE), *drawn])
    assert "<script>alert" not in text and "<!-- [a]" not in text
    assert text.count("</script>") == 3  # data, library, scripts
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; `x`" in text
    levels = data_of(text)["trials"]["params"]["mixture.weighting"]["levels"]
    assert HOSTILE in levels


def test_texts_of_the_sweep_are_escaped_in_markdown_and_keep_to_their_cell(tmp_path):
    page(tmp_path, [*USUAL, failed(HOSTILE)])
    markdown = (tmp_path / "report" / "report.md").read_text()
    assert "<" not in markdown.replace("&lt;", "")
    row = [line for line in markdown.splitlines() if line.startswith("|") and "alert(1)" in line][-1]
    assert "\\`x\\` \\|" in row and "\\[a\\]" in row and row.endswith("line |")


def test_hostile_answers_stay_text(tmp_path):
    folder = make_large_sweep(tmp_path, USUAL)
    add_answers(folder, rows=8)
    text = without_library(write_report(folder).html)
    assert "<b>what</b>" not in text and "\\u003cb>what" in text


def test_other_files_bear_the_name_of_the_report(tmp_path):
    files = write_report(make_large_sweep(tmp_path / "sweep", USUAL), out=tmp_path / "mine" / "night.html")
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == [
        "night-figures",
        "night-front.csv",
        "night.html",
        "night.md",
    ]
    assert "(night-figures/front.svg)" in files.markdown.read_text()


def test_a_folder_that_is_no_sweep_is_refused(tmp_path):
    with pytest.raises(ResultsError, match=r"is no sweep"):
        write_report(tmp_path)


def test_the_table_for_the_terminal_holds_the_front_and_the_baseline(tmp_path):
    make_large_sweep(tmp_path, USUAL)
    columns, rows = pareto_table(tmp_path)
    assert columns[:3] == ("trial", "role", "grounding.miou")
    assert [(row[0], row[1]) for row in rows] == [("1", "front"), ("2", "front"), ("0", "baseline")]


def test_the_front_as_csv_holds_every_digit(tmp_path):
    import csv

    files = write_report(
        make_large_sweep(tmp_path, [baseline(0.5, 0.6), complete(0.123456789012, 0.7, params={"adapter.rank": 8})])
    )
    with files.front.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == ["0", "1"]
    assert rows[1]["grounding.miou"] == "0.123456789012"
    assert rows[1]["on_front"] == "1" and rows[0]["role"] == "front, baseline"
