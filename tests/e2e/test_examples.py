"""The examples of losses, weightings and curricula, by the command."""

import duckdb
import pytest
from command import paretune
from swept import recorded_trials

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


def test_a_sweep_records_the_exposure_of_a_curriculum(tmp_path, examples):
    sweep(examples / "curriculum.yaml", tmp_path, **{"data.sources.1.scenes": 12, "space.curriculum.mix": "task"})
    query = f"SELECT \"exposure.grounding\" FROM '{tmp_path}/out/reports/*.parquet' ORDER BY trial, step"
    exposures = [value for (value,) in duckdb.sql(query).fetchall()]
    assert all(0 < first < 1 and last == 1 for first, last in zip(exposures[::2], exposures[1::2], strict=True))
