"""Sweeps on photographs, on LLaMA-Factory's own demo data, and with the genuine tokenizer."""

import duckdb
import pytest
from command import paretune, write_sweep
from nightly import NIGHTLY
from random_base import save_random_base
from real_data import real_data
from swept import check_sweep

pytestmark = [pytest.mark.ray, pytest.mark.real]

SHORT = (
    "trial.steps=4",
    "trial.rungs=[1, 2, 3]",
    "trial.batch=2",
    "trial.rung_rows=4",
    "trial.final_rows=6",
    "trial.max_new_tokens=24",
    "search.trials=2",
)


def sweep(example, folder, *overrides):
    words = [part for override in (*SHORT, *overrides) for part in ("--set", override)]
    done = paretune("sweep", example, "--out", folder, *words, cwd=folder.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    check_sweep(folder, trials=2)
    return done


@NIGHTLY
def test_a_sweep_runs_on_photographs_with_coco_boxes(tmp_path, examples):
    data = real_data("coco128-permissive")
    folder = tmp_path / "out"
    paths = (f"data.sources.0.annotations={data}/instances.json", f"data.sources.0.images={data}/images")
    done = sweep(examples / "coco.yaml", folder, *paths)
    assert "53 locate" in done.stdout
    assert "172 boxes of categories with more than 1 box or a crowd in a photo not located" in done.stdout
    rows = duckdb.sql(
        f"""SELECT "metric.grounding.constant_box_miou", "metric.grounding.parse_failure_rate", "metric.text.token_f1"
            FROM '{folder}/reports/*.parquet' WHERE step = 4"""
    ).fetchall()
    assert 1 <= len(rows) <= 2  # a model that writes no box is stopped
    assert all(0 < constant < 1 and 0 <= failures <= 1 and 0 <= f1 <= 1 for constant, failures, f1 in rows)


@NIGHTLY
def test_a_sweep_runs_on_the_demo_data_of_llama_factory(tmp_path, examples):
    data = real_data("fmt-llamafactory")
    folder = tmp_path / "out"
    done = sweep(examples / "llamafactory.yaml", folder, f"data.sources.0.folder={data}/data")
    assert "6 answer" in done.stdout
    assert "metric.text.exact_match" in duckdb.sql(f"SELECT * FROM '{folder}/reports/*.parquet'").columns


@NIGHTLY
def test_a_sweep_runs_with_the_genuine_tokenizer_and_its_151936_rows(tmp_path):
    model = save_random_base(tmp_path / "model", real_data("tokenizer-qwen2vl"))
    folder = tmp_path / "out"
    done = sweep(write_sweep(tmp_path), folder, f"model.path={model}", "trial.final_rows=4")
    assert "trial 1 " in done.stdout
