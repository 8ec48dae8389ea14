import re
from pathlib import Path

import duckdb
import pytest
from made_sweep import COLUMNS, baseline, complete, make_sweep, pruned

from results import ItemRow, PredictionRow, RecordWriter
from results.rows import CONFIRMATION_FIELDS, ITEM_FIELDS, PREDICTION_FIELDS
from results.schema import DECISION_FIELDS, REPORT_FIELDS, SCHEMA_VERSION, TRIAL_FIELDS
from results.writer import BYTES_PER_PART
from search.lineage import lineage

PAGE = (Path(__file__).parents[2] / "docs" / "results-format.md").read_text()
FAMILIES = {
    "trials": {"param.<key>": "double, int64, bool or string", "value.<objective>": "double"},
    "reports": {
        "metric.<name>": "double",
        "loss.<term>": "double",
        "weight.<term>": "double",
        "weighted.<term>": "double",
        "exposure.<task>": "double",
    },
    "decisions": {},
    "items": {},
    "predictions": {"score.<metric>": "double", "weight.<metric>": "double"},
    "confirmations": {"metric.<name>": "double"},
}


@pytest.fixture
def swept(tmp_path, monkeypatch):
    metadata = {"data_hash": "feed"}
    trials = [baseline(0.5, 0.6), complete(0.6, 0.5), pruned(20, 0.1, 0.1)]
    folder = make_sweep(tmp_path / "my-sweep", trials, metadata=metadata)
    item = ItemRow("search", "a#1", "grounding", "locate", 0, "a.png", 9, 9, "where?", "here", (), (1, 2, 3, 4))
    scores = {"grounding.miou": 0.5}, {"grounding.miou": 1.0}
    writer = RecordWriter(folder, COLUMNS, metadata)
    writer.append_items([item])
    writer.append_predictions([PredictionRow(0, None, 0, 40, "search", "a#1", "there", (1, 2, 3, 5), *scores)])
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("table", "fields"),
    [
        ("trials", TRIAL_FIELDS),
        ("reports", REPORT_FIELDS),
        ("decisions", DECISION_FIELDS),
        ("items", ITEM_FIELDS),
        ("predictions", PREDICTION_FIELDS),
        ("confirmations", CONFIRMATION_FIELDS),
    ],
)
def test_every_column_is_documented_with_its_type(table, fields):
    section = re.search(rf"^## {table}\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)[1]
    documented = dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \| [^|]+ \|$", section, re.MULTILINE))
    assert documented == {name: str(kind) for name, kind in fields.items()} | FAMILIES[table]


def test_the_schema_version_is_documented():
    assert f"The schema version is {SCHEMA_VERSION};" in PAGE


def test_the_length_of_a_part_is_documented():
    assert re.search(rf"{BYTES_PER_PART // 1024} KiB\s+of\s+rows;", PAGE)


def test_every_key_of_the_lineage_is_documented(tmp_path):
    for key in lineage(tmp_path / "sweep.yaml", data_hash="feed"):
        assert f"`{key if not key.startswith('version.') else 'version.<package>'}`" in PAGE


@pytest.mark.parametrize("query", re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL))
def test_every_query_runs(query, swept):
    assert duckdb.sql(query).fetchall()


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_every_python_example_runs(code, swept, capsys):
    exec(compile(code, "example", "exec"), {})
    assert "0.6" in capsys.readouterr().out
