"""A sweep in a notebook."""

import base64
import re

import nbformat
import pytest
from made_sweep import COLUMNS, METADATA, MIOU, TEXT, baseline, complete, failed, make_sweep, pruned
from nbclient import NotebookClient

from results import PredictionRow, RecordWriter, ResultsError, open_sweep


@pytest.fixture
def folder(tmp_path):
    trials = [
        baseline(0.5, 0.6, params={"adapter.rank": 4}),
        complete(0.7, 0.5, params={"adapter.rank": 8}),
        complete(0.6, 0.55, params={"adapter.rank": 16}),
        pruned(20, 0.1, 0.1),
        failed(),
    ]
    return make_sweep(tmp_path / "my <sweep>", trials)


def test_tables_are_those_of_the_record(folder):
    sweep = open_sweep(folder)

    assert sweep.trials["trial"].tolist() == [0, 1, 2, 3, 4]
    assert set(sweep.reports["trial"]) == {0, 1, 2, 3}
    assert set(sweep.decisions["verdict"]) == {"CONTINUE", "STOP"}


def test_the_front_is_best_in_the_first_objective_first(folder):
    front = open_sweep(folder).front

    assert front.index.tolist() == [1, 2, 0]
    assert front[MIOU].tolist() == [0.7, 0.6, 0.5]
    assert front["on_front"].all()
    assert front["adapter.rank"].tolist() == [8, 16, 4]


def picture_of(page):
    return base64.b64decode(re.search('src="data:image/svg\\+xml;base64,([^"]+)"', page)[1]).decode()


def test_a_baseline_off_the_front_stands_below_it(tmp_path):
    sweep = open_sweep(make_sweep(tmp_path / "s", [baseline(0.1, 0.1), complete(0.5, 0.5)]))

    assert sweep.front.index.tolist() == [1, 0]
    assert sweep.front["on_front"].tolist() == [True, False]


def test_the_picture_needs_neither_script_nor_network_and_names_are_escaped(folder):
    page = open_sweep(folder)._repr_html_()

    assert "<table>" in page
    assert "my &lt;sweep&gt;" in page
    assert "<script" not in page and "http" not in page + picture_of(page).replace("http://www.w3.org/2000/svg", "")
    assert "0.700" in page and TEXT in page


def test_a_sweep_without_a_completed_trial_is_shown_as_well(tmp_path):
    sweep = open_sweep(make_sweep(tmp_path / "s", [failed()]))

    assert "No trial has reached its last step" in sweep._repr_html_()
    assert sweep.front.empty
    assert sweep.hypervolume is None


def test_what_was_read_stays_until_it_is_read_anew(folder, tmp_path):
    sweep = open_sweep(folder)
    assert len(sweep.trials) == 5
    for file in (folder / "trials").iterdir():
        file.unlink()

    assert len(sweep.trials) == 5
    assert len(sweep.refreshed().trials) == 0


def test_predictions_are_given_by_trial_and_column(folder):
    assert open_sweep(folder).predictions().empty
    writer = RecordWriter(folder, COLUMNS, METADATA)
    for trial, items in ((0, "a"), (1, "ab")):
        rows = [PredictionRow(trial, None, 0, 40, "search", item, f"answer {item}") for item in items]
        writer.append_predictions(rows)

    sweep = open_sweep(folder)

    assert len(sweep.predictions()) == 3
    assert sweep.predictions(1, columns=["item"])["item"].tolist() == ["a", "b"]
    assert sweep.items.empty and sweep.confirmations.empty
    with pytest.raises(ResultsError, match="no column nonsense"):
        sweep.predictions(columns=["nonsense"])


def test_a_folder_that_is_no_sweep_is_refused(tmp_path):
    with pytest.raises(ResultsError, match="is no sweep"):
        open_sweep(tmp_path)


def test_a_notebook_shows_it(folder):
    """Runs in a real kernel, whose display takes the HTML."""
    cell = f"from results import open_sweep\nsweep = open_sweep({str(folder)!r})\nsweep"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])

    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()

    (output,) = notebook.cells[0].outputs
    assert picture_of(output["data"]["text/html"]).startswith("<svg")
    assert output["data"]["text/plain"].startswith("Sweep(")
