"""The examples of losses, weightings and curricula, by the command.

Most are nightly: what they choose among trains in tests/integration/test_examples.py.
"""

import json
import re

import duckdb
import pytest
from command import paretune
from nightly import NIGHTLY
from PIL import Image
from swept import recorded_trials

from search.study import open_studies
from spaces import TERM_NAMES

pytestmark = pytest.mark.ray

SHORT = {
    "data.sources.0.scenes": 12,
    "data.search_share": 0.4,
    "trial.steps": 3,
    "trial.rungs": [1],
    "trial.batch": 4,
    "trial.rung_rows": 4,
    "trial.final_rows": 6,
    "search.trials": 5,
}


def sweep(example, folder, **settings):
    words = [part for key, value in (SHORT | settings).items() for part in ("--set", f"{key}={value}")]
    done = paretune("sweep", example, "--out", "out", *words, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert recorded_trials(folder / "out") == [(number, "COMPLETE") for number in range(5)]


def last_reports(folder, *columns):
    names = ", ".join(f'"{column}"' for column in columns)
    query = f"SELECT {names} FROM '{folder}/out/reports/*.parquet' WHERE step = 3 ORDER BY trial"
    return duckdb.sql(query).fetchall()


def trials(folder, *columns):
    names = ", ".join(f'"{column}"' for column in columns)
    return duckdb.sql(f"SELECT {names} FROM '{folder}/out/trials/*.parquet' ORDER BY trial").fetchall()


@NIGHTLY
def test_a_sweep_runs_every_loss_term_after_the_presets(tmp_path, examples):
    gates = {f"space.mixture.{name}.on": "true" for name in TERM_NAMES if name not in ("text_ce", "box_ce")}
    sweep(examples / "losses.yaml", tmp_path, **gates)
    used = [
        {name for name, loss in zip(TERM_NAMES, row, strict=True) if loss is not None}
        for row in last_reports(tmp_path, *(f"loss.{name}" for name in TERM_NAMES))
    ]
    plain = {"text_ce", "box_ce"}
    assert used == [plain, plain | {"ntl_was"}, plain | {"soft_label"}, set(TERM_NAMES), set(TERM_NAMES)]
    assert [role for (role,) in trials(tmp_path, "role")] == ["baseline", "preset", "preset", "search", "search"]
    assert last_reports(tmp_path, "weight.ntl_was")[1] == (0.3,)
    for row in last_reports(tmp_path, *(f"weighted.{name}" for name in TERM_NAMES))[3:]:
        assert all(value is not None for value in row)


@NIGHTLY
def test_a_sweep_records_which_weighting_ran_and_its_own_settings_alone(tmp_path, examples):
    sweep(examples / "weightings.yaml", tmp_path, **{"space.mixture.weighting.name": "{choice: [famo, rlw]}"})
    rows = trials(
        tmp_path,
        *(f"param.mixture.weighting.{key}" for key in ("name", "famo_rate", "rlw_deviation", "ema_rate")),
    )
    assert rows[0] == ("static", None, None, None)
    for name, famo_rate, rlw_deviation, ema_rate in rows[1:]:
        assert (name == "famo", name == "rlw") == (famo_rate is not None, rlw_deviation is not None)
        assert ema_rate is None
    sums = [sum(row) for row in last_reports(tmp_path, "weight.text_ce", "weight.box_ce")]
    assert sums[0] == 2


@NIGHTLY
def test_a_sweep_records_the_exposure_of_a_curriculum(tmp_path, examples):
    sweep(examples / "curriculum.yaml", tmp_path, **{"data.sources.1.scenes": 12, "space.curriculum.mix": "task"})
    query = f"SELECT \"exposure.grounding\" FROM '{tmp_path}/out/reports/*.parquet' ORDER BY trial, step"
    exposures = [value for (value,) in duckdb.sql(query).fetchall()]
    assert all(0 < first < 1 and last == 1 for first, last in zip(exposures[::2], exposures[1::2], strict=True))


def test_a_sweep_runs_two_trials_through_one_base(tmp_path, examples):
    sweep(examples / "packed.yaml", tmp_path, **{"search.pruner": "none"})
    assert [row[0] for row in last_reports(tmp_path, "trial")] == list(range(5))


@NIGHTLY
def test_a_second_sweep_starts_with_what_the_first_one_measured(tmp_path, examples):
    sweep(examples / "shapes.yaml", tmp_path, **{"search.pruner": "none"})
    (tmp_path / "out").rename(tmp_path / "first")
    again = {"search.warm_start": f"[{tmp_path / 'first'}]", "search.pruner": "none", "search.constraints": "[]"}
    words = [part for key, value in (SHORT | again).items() for part in ("--set", f"{key}={value}")]
    checked = paretune("check", examples / "again.yaml", *words, cwd=tmp_path)
    counted = re.search(r"warm start from .*first: (\d) of 5 trials carry over", checked.stdout)
    assert counted, checked.stdout + checked.stderr
    words += ["--set", "trial.steps=4", "--set", "data.sources.0.seed=1"]
    refused = paretune("sweep", examples / "again.yaml", "--out", "other", *words, cwd=tmp_path)
    assert (refused.returncode, (tmp_path / "other").exists()) == (2, False)
    assert "trial.steps (3 there, 4 here), the data (" in refused.stderr
    assert "Traceback" not in refused.stderr
    sweep(examples / "again.yaml", tmp_path, **again)
    study = open_studies(tmp_path / "out", storage=None, directions=["maximize", "maximize"]).main
    assert len(study.get_trials()) == 5 + int(counted[1])


@NIGHTLY
def test_a_sweep_trains_on_a_file_of_conversations(tmp_path, examples):
    """Grounding rows by placeholder in pixels and text rows, as ms-swift writes them."""
    rows = []
    for number in range(12):
        Image.new("RGB", (160, 120), (20 * number, 90, 40)).save(tmp_path / f"{number}.png")
        box = [4 * number, 3 * number, 4 * number + 60, 3 * number + 50]
        asked = [("user", "<image>Where is <ref-object>?"), ("assistant", "<ref-object><bbox>")]
        said = [("user", "<image>What is it?"), ("assistant", f"shape {number}")]
        objects = {"ref": ["the shape", "the shape"], "bbox": [box]}
        for turns, more in ((asked, {"objects": objects}), (said, {})):
            messages = [{"role": role, "content": text} for role, text in turns]
            rows.append({"messages": messages, "images": [f"{number}.png"], **more})
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)) + '\n{"messages": []}\n')
    short = {key: value for key, value in SHORT.items() if "scenes" not in key}
    words = [part for key, value in short.items() for part in ("--set", f"{key}={value}")]
    words += ["--set", f"data.sources.0.path={tmp_path}/train.jsonl"]
    checked = paretune("check", examples / "conversations.yaml", *words, cwd=tmp_path)
    assert "train.jsonl: 24 rows as messages (the column messages)" in checked.stdout
    assert "row line 25: the row has no turn" in checked.stdout
    done = paretune("sweep", examples / "conversations.yaml", "--out", "out", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    states = recorded_trials(tmp_path / "out")
    assert [number for number, _ in states] == list(range(5))
    assert states[0] == (0, "COMPLETE")
    assert {state for _, state in states} <= {"COMPLETE", "PRUNED"}  # one that writes no box is stopped
    assert all(value is not None for (value,) in last_reports(tmp_path, "metric.grounding.constant_box_miou"))
