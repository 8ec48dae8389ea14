from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from made_sweep import COLUMNS, complete, made_rows

from results import Objective, RecordColumns, ResultsError, TrialRow
from results.schema import row_cells


@pytest.fixture
def trial() -> TrialRow:
    return next(row for row in made_rows([complete(0.4, 0.5)]) if isinstance(row, TrialRow))


def test_a_declaration_survives_json():
    assert RecordColumns.from_json(COLUMNS.to_json()) == COLUMNS


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"params": {}, "objectives": [{}], "metrics": [], "terms": []}'])
def test_text_that_is_no_declaration_is_an_error(text):
    with pytest.raises(ResultsError, match="not a declaration of record columns"):
        RecordColumns.from_json(text)


def test_a_trial_that_did_not_complete_has_no_final_values(trial):
    with pytest.raises(ResultsError, match="only a complete trial has final values; trial 0 is PRUNED"):
        replace(trial, state="PRUNED")


@pytest.mark.parametrize("change", [{"state": "RUNNING"}, {"role": "control"}])
def test_an_unknown_word_is_an_error(trial, change):
    with pytest.raises(ResultsError, match="must be one of"):
        replace(trial, **change)


def test_a_direction_is_one_of_two_words():
    with pytest.raises(ResultsError, match=r"text\.nll has 'down'"):
        Objective("text.nll", "down")  # type: ignore[arg-type]


def test_a_time_without_zone_is_an_error(trial):
    with pytest.raises(ResultsError, match="ended must be a time with its zone"):
        row_cells(replace(trial, ended=datetime(2026, 1, 1)))


def test_names_given_twice_are_an_error():
    with pytest.raises(ResultsError, match="metric names must differ; given twice: a"):
        RecordColumns(params={}, objectives=(), metrics=("a", "a"), terms=())
