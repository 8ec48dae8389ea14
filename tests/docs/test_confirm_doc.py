"""``docs/confirm.md`` against the code."""

import re
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from made_sweep import COLUMNS, METADATA, START, baseline, make_sweep

from results import ConfirmationRow, RecordWriter
from results.findings import WORTH_CONFIRMING
from search.cli import main
from search.confirm_plan import FEWEST_SEEDS, MOST_SETTINGS, PLAN_FILE

PAGE = (Path(__file__).parents[2] / "docs" / "confirm.md").read_text()


def test_its_numbers_are_those_of_the_code():
    assert MOST_SETTINGS == 12 and "Twelve settings at most" in PAGE
    assert f"P(non-dominated) is above {WORTH_CONFIRMING}" in PAGE
    assert f"{FEWEST_SEEDS} if absent and never fewer" in PAGE
    assert f"`{PLAN_FILE}`" in PAGE


def test_every_option_is_documented_and_no_other(capsys):
    with pytest.raises(SystemExit):
        main(["confirm", "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help", "--address", "--test"}
    assert known <= set(re.findall(r"--[a-z-]+", PAGE)) <= known | {"--test"}


def test_its_query_runs(tmp_path, monkeypatch):
    folder = make_sweep(tmp_path / "my-sweep", [baseline(0.5, 0.6)])
    writer = RecordWriter(folder, COLUMNS, METADATA)
    row = ConfirmationRow(0, 0, 1, "confirm", "COMPLETE", "", 40, 1.0, START, START, {"grounding.miou": 0.25})
    for run in range(2):
        writer.append_confirmation(replace(row, run=run, metrics={"grounding.miou": 0.25 + run / 2}))
    monkeypatch.chdir(tmp_path)
    (query,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    ((trial, split, seeds, miou, spread),) = duckdb.sql(query).fetchall()
    assert (trial, split, seeds, miou) == (0, "confirm", 2, 0.5) and spread == pytest.approx(0.5 / 2**0.5)
