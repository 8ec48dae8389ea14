"""What benchmarks/trials.py does where there is a GPU, as far as a machine without one can run it."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import Qwen2VLForConditionalGeneration
from trials_packs import pack_table
from trials_shape import GPU_SIZE, SIZES, Shape, made, shape_2b, trial_config

from trainable.host import Host
from trainable.trial import Trial

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
PUBLISHED_PARAMETERS = 2_208_985_600  # of Qwen/Qwen2-VL-2B-Instruct, as its safetensors say


def test_the_shape_has_as_many_parameters_as_the_published_model():
    with torch.device("meta"):
        model = Qwen2VLForConditionalGeneration(shape_2b())
    assert sum(value.numel() for value in model.parameters()) == PUBLISHED_PARAMETERS


def test_packs_are_measured_against_single_trials(tmp_path):
    torch.set_num_threads(1)
    shape = Shape(batch=2, eval_rows=4)
    *_, one, two = pack_table(made("tiny", tmp_path), shape, sizes=(1, 2), steps=1)
    assert [line.split("|")[1].strip() for line in (one, two)] == ["1", "2"]
    assert float(one.split("|")[3]) == 1.0  # against itself
    assert float(two.split("|")[2]) > 0


def test_a_bfloat16_base_trains_and_reports(tmp_path):
    torch.set_num_threads(1)
    given = made("tiny", tmp_path)
    config = trial_config(0, given, Shape(steps=2, batch=2, eval_rows=4, max_new_tokens=8))
    half = config.model_copy(update={"model": config.model.model_copy(update={"dtype": "bfloat16"})})
    losses = []
    for each in (config, half):
        trial = Trial(each, Host(each.model, each.data))
        report = trial.advance()
        trial.close()
        losses.append(report.metrics["teacher_forced.text_ce"])
    assert losses[1] == pytest.approx(losses[0], rel=SIZES[GPU_SIZE].tolerance)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_at_once():
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "trials.py", "--size", GPU_SIZE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "needs a GPU, and torch finds none" in done.stderr
