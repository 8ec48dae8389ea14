"""Trials that fail end with their reason and without a score; a sweep of nothing else says so."""

import json
import re

import duckdb
import pytest
from command import TINY_SWEEP, paretune, write_sweep
from PIL import Image
from swept import recorded_trials, study_trials

pytestmark = pytest.mark.ray


def failed(folder, done, *, reason):
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(rf"no trial reached its last step; the last failure: {reason}", done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
    trials = recorded_trials(folder)
    assert trials == study_trials(folder)
    assert 3 <= len(trials) <= 4  # the fourth may have started before the third failed
    assert {state for _, state in trials} == {"FAIL"}
    rows = duckdb.sql(f"""SELECT reason, "value.grounding.miou" FROM '{folder}/trials/*.parquet'""").fetchall()
    assert all(re.match(reason, text) and value is None for text, value in rows)
    page = (folder / "report" / "report.html").read_text()
    assert rows[0][0].split(":")[0] in page
    return rows


def test_trials_that_diverge_are_recorded_as_such_and_the_sweep_gives_up(tmp_path):
    text = TINY_SWEEP.replace("{learning_rate: {range: [1e-4, 1e-2], log: true}}", "{learning_rate: 1e30}")
    done = paretune("sweep", write_sweep(tmp_path, text), "--out", "out", cwd=tmp_path)
    failed(tmp_path / "out", done, reason=r"diverged: \w+ is not finite at step \d")


def test_rows_that_are_too_long_are_named_before_anything_starts(tmp_path):
    done = paretune("sweep", write_sweep(tmp_path), "--out", "out", "--set", "data.max_length=32", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "out").exists()) == (2, False)
    assert "every row of the split train is refused, the first since it has" in done.stderr
    assert re.search(r"shapes/shifted/0/\d+ row \w+: it has \d+ tokens, 16 of them of images", done.stderr)
    assert "Traceback" not in done.stderr


def test_photographs_that_are_cut_off_are_named_before_anything_starts(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    boxes = []
    for number in range(6):
        path = photos / f"{number}.jpg"
        Image.effect_noise((64, 48), 90).convert("RGB").save(path)
        path.write_bytes(path.read_bytes()[:900])  # the header with the size is whole
        boxes.append({"id": number, "image_id": number, "category_id": 1, "bbox": [5, 6, 30, 20], "iscrowd": 0})
    content = {
        "images": [{"id": n, "file_name": f"{n}.jpg", "width": 64, "height": 48} for n in range(6)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": boxes,
    }
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    text = TINY_SWEEP.replace(
        "{source: shapes, domain: shifted, scenes: 12}", "{source: coco, annotations: boxes.json, images: photos}"
    )
    done = paretune("sweep", write_sweep(tmp_path, text), "--out", "out", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "out").exists()) == (2, False)
    first, *rest = done.stderr.splitlines()
    assert first == "paretune: data: 6 of 6 images can't be used; mend them or remove their rows"
    assert len(rest) == 6
    assert all(re.search(rf"{photos}/\d\.jpg is no readable image", line) for line in rest)
