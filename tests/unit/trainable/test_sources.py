import json

from PIL import Image

from spaces import DataConfig
from spaces.trial import SourceConfig
from trainable.data.sources import READERS, read_sources
from trainable.data.split import split_records


def folder(path, answer, colour):
    path.mkdir()
    Image.new("RGB", (20, 10), colour).save(path / "a.png")
    row = {"instruction": "<image>Who?", "output": answer, "images": ["a.png"]}
    (path / "rows.json").write_text(json.dumps([row]))
    (path / "dataset_info.json").write_text(json.dumps({"mine": {"file_name": "rows.json"}}))
    return {"source": "llamafactory", "folder": str(path), "dataset": "mine"}


def test_every_source_of_the_sweep_file_has_a_reader():
    union = SourceConfig.__origin__.__args__
    assert set(READERS) == {model.model_fields["source"].annotation.__args__[0] for model in union}


def test_rows_of_files_with_one_name_keep_ids_of_their_own(tmp_path):
    sources = [folder(tmp_path / name, name, name) for name in ("red", "blue", "green")]
    records = read_sources(DataConfig.model_validate({"sources": sources})).records
    assert [record.turns[0].answer for record in records] == ["red", "blue", "green"]
    assert [record.id for record in records] == ["rows.json#0", "rows.json#0 (2)", "rows.json#0 (3)"]


def test_rows_of_files_with_one_name_are_split_by_their_own_images(tmp_path):
    sources = [folder(tmp_path / name, name, name) for name in ("red", "blue", "green", "white")]
    config = DataConfig.model_validate({"sources": sources, "search_share": 0.5, "confirm_share": 0, "test_share": 0})
    split = split_records(read_sources(config).records, config)
    assert (len(split.train), len(split.search)) == (2, 2)


def test_records_refused_rows_and_notes_are_put_together_in_order(tmp_path):
    first, second = (folder(tmp_path / name, name, name) for name in ("red", "blue"))
    (tmp_path / "blue" / "a.png").unlink()
    result = read_sources(DataConfig.model_validate({"sources": [first, second]}))
    assert [record.turns[0].answer for record in result.records] == ["red"]
    assert [row.file for row in result.refused] == [str(tmp_path / "blue" / "rows.json")]
    assert result.notes == ("mine: alpaca rows", "mine: alpaca rows")
