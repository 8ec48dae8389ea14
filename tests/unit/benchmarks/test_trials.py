"""Both arms of benchmarks/trials.py train the same thing."""

import pytest
import torch
from trials_baseline import train_and_score
from trials_recorded import train_and_score_warm
from trials_shape import Shape, made, trial_config

from trainable.host import Host

SHAPE = Shape(steps=2, batch=3, eval_rows=4, eval_batch=3, max_new_tokens=24)


@pytest.mark.parametrize(("number", "size"), [(0, "tiny"), (1, "photo")])
def test_the_baseline_and_a_trial_of_ours_have_the_same_losses_and_scores(tmp_path, number, size):
    torch.set_num_threads(1)
    config = trial_config(number, made(size, tmp_path), SHAPE)
    plain, ours = train_and_score(config), train_and_score_warm(config, Host(config.model, config.data))
    assert len(plain.losses) == len(ours.losses) == SHAPE.steps
    assert plain.losses == pytest.approx(ours.losses, rel=1e-5)
    assert {"teacher_forced.text_ce", "teacher_forced.box_ce", "text.token_f1"} <= plain.metrics.keys()
    shared = plain.metrics.keys() & ours.metrics.keys()
    assert {name: plain.metrics[name] for name in shared} == pytest.approx(
        {name: ours.metrics[name] for name in shared}, rel=1e-5
    )
