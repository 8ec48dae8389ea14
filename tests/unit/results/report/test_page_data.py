import json

import pytest
from made_answers import add_answers, made_items
from made_sweep import TEXT, baseline, complete, failed, make_large_sweep, pruned
from report_page import data_of, page, without_library

from results import write_report
from results.report.answers import answers
from results.report.curves import MOST_POINTS, trial_curves
from results.report.page_data import PAGE_BYTES, page_data, script_json
from results.report.write import read_content

USUAL = [baseline(0.50, 0.60), complete(0.60, 0.55), complete(0.55, 0.70), complete(0.45, 0.50), pruned(20, 0.1, 0.1)]
ROOM = 400_000


def test_a_trials_losses_and_weights_are_in_the_page_report_by_report(tmp_path):
    data = data_of(page(tmp_path, USUAL))
    row = data["trials"]["trial"].index(4)
    assert data["curves"][str(row)] == {
        "reports": 2,
        "steps": [10, 20],
        "raw": {"text_ce": [0.2, 0.1]},
        "weighted": {"text_ce": [0.2, 0.1], "box_l1": [0.025, 0.025]},
        "weights": {"text_ce": [1.0, 1.0], "box_l1": [0.5, 0.5]},
        "scores": {"grounding.miou": [0.05, 0.1], "text.token_f1": [0.05, 0.1]},
    }


def test_the_front_comes_first_then_the_baseline_and_the_rest_by_state_and_number(tmp_path):
    trials = [pruned(20, 0.1, 0.1), baseline(0.5, 0.6), failed(), complete(0.4, 0.4), complete(0.6, 0.5)]
    table = data_of(page(tmp_path, trials))["trials"]
    assert table["trial"] == [4, 1, 3, 0, 2]
    assert table["front"] == [0, 1]


def test_columns_of_text_are_coded_and_of_numbers_are_not(tmp_path):
    params = [{"adapter.rank": 8, "mixture.weighting": "dwa"}, {"adapter.rank": 4, "mixture.weighting": "static"}]
    trials = [complete(0.5, 0.6, params=params[0]), complete(0.6, 0.5, params=params[1]), complete(0.1, 0.1)]
    columns = data_of(page(tmp_path, trials))["trials"]["params"]
    assert columns["adapter.rank"] == [4, 8, None]
    weighting = columns["mixture.weighting"]
    assert [None if code is None else weighting["levels"][code] for code in weighting["codes"]] == [
        "static",
        "dwa",
        None,
    ]


def test_the_data_of_a_large_sweep_keep_to_their_room_and_say_what_is_left_out(tmp_path):
    reasons = [failed(f"bad data: row {n} of many is of no use to anybody at all") for n in range(3000)]
    trials = [baseline(0.4, 0.5), *(complete(0.5, 0.7 - n / 1e5) for n in range(2000)), *reasons]
    content = read_content(make_large_sweep(tmp_path, trials))
    found = page_data([content], room=ROOM)
    assert len(found.as_json()) < ROOM
    notes = " ".join(found.notes)
    assert "reasons in the table of trials are left out" in notes
    assert "curves of" in notes
    tight = page_data([content], room=60_000)
    assert len(tight.as_json()) < 60_000
    kept = tight.content["trials"]["count"]
    assert f"The page holds {kept:,} of 5,001 ended trials" in " ".join(tight.notes)
    assert tight.content["trials"]["trial"][:2] == [1, 0]  # the front, the baseline


def test_curves_of_many_reports_are_thinned_evenly_with_both_ends(tmp_path):
    content = read_content(make_large_sweep(tmp_path, USUAL))
    rows = content.tables.reports
    many = rows.loc[rows["trial"] == 1].iloc[[0] * 201].assign(step=range(0, 402, 2))
    tables = type(content.tables)(**{**vars(content.tables), "reports": many})
    (curves,) = trial_curves(tables, [1], most_numbers=10_000)
    gaps = {after - before for before, after in zip(curves.steps, curves.steps[1:], strict=False)}
    assert (curves.reports, len(curves.steps), curves.steps[0], curves.steps[-1]) == (201, MOST_POINTS, 0, 400)
    assert gaps <= {8, 10}


def test_no_sequence_in_the_data_ends_its_element():
    text = script_json({"a": "</script><!--\u2028"})
    assert "<" not in text and "\u2028" not in text
    assert json.loads(text) == {"a": "</script><!--\u2028"}


def test_answers_stand_beside_their_examples_with_scores_by_row(tmp_path):
    folder = add_answers(make_large_sweep(tmp_path, USUAL), rows=40)
    data = data_of(without_library(write_report(folder).html))
    shown = data["answers"][0]
    assert len(shown["items"]) == 24 and len(shown["images"]) == 12  # two questions about each picture
    assert all("<image>" not in item["question"] for item in shown["items"])
    assert len(shown["by_row"]) == 4  # all that completed
    for listed in shown["by_row"].values():
        for item, answer in zip(shown["items"], listed, strict=True):
            assert (len(item["boxes"]) == 4) == (item["task"] == "grounding")
            if item["task"] == "text":
                assert answer["scores"][TEXT] in (0, 1)
    assert "The page shows 24 of the search split" in (tmp_path / "report" / "report.html").read_text()


def test_a_budget_for_pictures_and_answers_is_kept_and_said(tmp_path):
    folder = add_answers(make_large_sweep(tmp_path, USUAL), rows=24)
    content = read_content(folder)
    order = content.of_interest
    whole = answers(content.items, content.predictions, order, scores=(TEXT,), image_bytes=10**6, text_bytes=10**6)
    one = len(whole.images[0])
    few = answers(content.items, content.predictions, order, scores=(TEXT,), image_bytes=3 * one + 99, text_bytes=1200)
    assert 1 <= len(few.images) <= 3 < len(whole.images)
    assert list(few.by_trial) == list(whole.by_trial)[: len(few.by_trial)]
    assert len(few.by_trial) < len(whole.by_trial)
    assert "more trials are left out" in " ".join(few.notes)


def test_without_examples_there_are_none(tmp_path):
    content = read_content(make_large_sweep(tmp_path, USUAL))
    found = answers(content.items, content.predictions, [0], scores=(), image_bytes=10**6, text_bytes=10**6)
    assert (found.items, found.images, found.by_trial, found.notes) == ([], [], {}, ())


@pytest.mark.parametrize("rows", [0, 7])
def test_made_examples_are_valid(rows):
    assert len(made_items(rows)) == rows // 2 * 2


def test_a_page_keeps_below_three_megabytes_with_pictures(tmp_path):
    folder = add_answers(make_large_sweep(tmp_path, USUAL), rows=60)
    assert write_report(folder).html.stat().st_size < PAGE_BYTES
