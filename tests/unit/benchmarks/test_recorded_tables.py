import gzip
import json
import math
import random

import numpy as np
import pytest
from real_data import real_data
from recorded_tables import CURVE_RUNGS, CURVE_STEP_S, CURVE_STEPS, SCORES, TABLE_SPACE, read_curves, read_table

from results.pareto import nondominated
from search.blackbox import Nearest, replay
from search.simulator import completed, simulate
from search.spec import PrunerConfig

NONE = PrunerConfig(name="none")
LSTM = "FixedTextRNNClassification_imdb_patch128_LSTM128_avg_bs64.first160.json"
TABLE_HEAD = (
    "activation_fn_1,activation_fn_2,batch_size,dropout_1,dropout_2,init_lr,lr_schedule,n_units_1,n_units_2,"
    + ",".join(f"{name}_seed{seed}" for name in ("val_loss", "train_time") for seed in range(4))
    + ",model_size"
)


def write_curves(folder, *losses):
    rows = [{"hp": {"learning_rate": 0.01}, "train_loss": list(each), "valid_loss": list(each)} for each in losses]
    path = folder / "curves.json"
    path.write_text(json.dumps(rows))
    return path


def falling(end=0.1):
    return np.linspace(0.7, end, CURVE_STEPS + 1).tolist()


def test_a_curve_is_reported_at_its_rungs(tmp_path):
    (trial,) = read_curves(write_curves(tmp_path, falling())).completed()
    assert [report.step for report in trial.reports] == [*CURVE_RUNGS, CURVE_STEPS]
    assert [report.metrics[SCORES[0]] for report in trial.reports] == pytest.approx(
        [math.exp(-falling()[step]) for step in (*CURVE_RUNGS, CURVE_STEPS)]
    )
    assert trial.reports[-1].seconds == trial.seconds == CURVE_STEPS * CURVE_STEP_S


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_curve_that_diverges_is_a_trial_that_fails_there(tmp_path, value):
    broken = [*falling()[:20], value, *falling()[21:]]
    blackbox = read_curves(write_curves(tmp_path, falling(), broken, falling()))
    found = replay(blackbox, NONE)
    ending = next(each for each in found.record.endings if each.config.number == 1)
    assert (ending.ending.state, ending.ending.reason, ending.steps) == ("FAIL", "recorded: diverged", 12)
    assert found.spent_s == (50 + 20 + 50) * CURVE_STEP_S


def test_a_row_of_the_table_takes_the_time_and_gives_the_loss_of_the_training_that_was_chosen(tmp_path):
    rows = [
        "relu,tanh,8,0.0,0.3,0.0005,cosine,16,512,0.5,0.6,0.7,0.8,100,200,300,400,1000",
        "tanh,relu,64,0.6,0.0,0.1,const,512,16,1.0,1.0,1.0,1.0,10,20,30,40,100000",
    ]
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress("\n".join([TABLE_HEAD, *rows]).encode()))
    blackbox, means = read_table(path, seed=6)
    first, second = blackbox.completed()
    assert (first.seconds, second.seconds) == (300.0, 30.0)
    assert blackbox.finals().tolist() == [pytest.approx([math.exp(-0.7), 1.0]), pytest.approx([math.exp(-1.0), 0.0])]
    expected = np.exp(-np.array([0.5, 0.6, 0.7, 0.8]).mean())
    assert means[0].tolist() == pytest.approx([expected, 1.0])
    assert list(second.params.values()) == [512, 16.0, 64.0, 0.6, 0.0, 0.1, "constant", True, "all"]


@pytest.mark.real
def test_real_curves_replay_to_their_own_ends():
    rows = json.loads((real_data("taskset-curves") / LSTM).read_text())
    is_finite = [bool(np.isfinite(np.array([row["train_loss"], row["valid_loss"]], float)).all()) for row in rows]
    blackbox = read_curves(real_data("taskset-curves") / LSTM)
    found = replay(blackbox, NONE)
    states = {each.config.number: each.ending.state for each in found.record.endings}
    assert [states[number] == "COMPLETE" for number in range(len(rows))] == is_finite
    assert is_finite.count(False) == 9
    assert (found.stopped, found.spent_s) == ((), pytest.approx(found.recorded_s))
    for each in completed(found.record):
        row = rows[each.config.number]
        assert each.ending.values == pytest.approx([math.exp(-row[key][-1]) for key in ("train_loss", "valid_loss")])


@pytest.mark.real
def test_on_real_curves_the_default_saves_half_and_loses_little():
    blackbox = read_curves(real_data("taskset-curves") / LSTM, order=random.Random(1))
    found = replay(blackbox, PrunerConfig())
    assert found.spent_s < 0.5 * found.recorded_s
    assert len(found.lost) <= 1
    assert set(found.lost) <= set(found.stopped)


@pytest.mark.real
def test_a_sampler_searches_a_real_table():
    blackbox, means = read_table(real_data("hpolib-triobjective") / "protein_structure.csv.gz", seed=2)
    assert len(blackbox.trials) == len(means) == 6000
    search = blackbox.spec.search.model_copy(update={"trials": 20})
    nearest = Nearest(blackbox)
    record = simulate(blackbox.spec.model_copy(update={"search": search}), nearest, timer=lambda: 0.0)
    rows = [nearest.of(each.config) for each in completed(record)]
    assert len(rows) == 20
    assert record.spent_s == pytest.approx(sum(row.seconds for row in rows))
    assert len({row.number for row in rows}) > 5
    assert nondominated(blackbox.finals(), ["maximize"] * 2).sum() > 5


@pytest.mark.real
def test_the_space_holds_the_settings_of_every_real_row():
    blackbox, _ = read_table(real_data("hpolib-triobjective") / "protein_structure.csv.gz", seed=0)
    assert all(domain.holds(trial.params[key]) for trial in blackbox.completed() for key, domain in TABLE_SPACE.items())
