"""Every loss term in one sweep, by the example that names them all."""

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
    "search.trials": 3,
}


def test_a_sweep_runs_every_loss_term(tmp_path, examples):
    gates = {f"space.mixture.{name}.on": "true" for name in TERM_NAMES if name not in ("text_ce", "box_ce")}
    words = [part for key, value in (SHORT | gates).items() for part in ("--set", f"{key}={value}")]
    done = paretune("sweep", examples / "losses.yaml", "--out", "out", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert recorded_trials(tmp_path / "out") == [(number, "COMPLETE") for number in range(3)]
    losses = ", ".join(f'"loss.{name}"' for name in TERM_NAMES)
    rows = duckdb.sql(
        f"SELECT trial > 0, {losses} FROM '{tmp_path}/out/reports/*.parquet' WHERE step = 3 ORDER BY trial"
    ).fetchall()
    plain = dict(zip(TERM_NAMES, rows[0][1:], strict=True))
    assert {name for name, loss in plain.items() if loss is not None} == {"text_ce", "box_ce"}
    for is_searched, *values in rows[1:]:
        assert is_searched and all(value is not None for value in values)
