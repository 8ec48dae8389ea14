"""Where the numbers of a plan come from."""

import json
import math
from datetime import datetime

import pytest
from command import TINY_SWEEP
from made_search import made_spec
from timed_sweep import FINAL_S, HANDED_S, MADE_S, RUNG_S, STEP_S, WORKER_S, swept

from search.check import check_data
from search.errors import PlanError
from search.planning.base import adapter_bytes, base_shape, checkpoint_bytes, rough_costs
from search.planning.costs import Costs
from search.planning.earlier import alike_sweeps, differences
from search.planning.fitted import fitted_costs
from search.planning.found_rows import found_counts
from search.planning.kept import KnownCosts, keep_costs, kept_costs, settings, with_times_of
from search.planning.rows import RowCounts, keep_counts, known_counts
from search.planning.whole import Known, make_plan
from search.planning.words import plan_lines
from search.spec_file import load_spec
from spaces.adapter import AdapterConfig
from spaces.trial import ModelConfig
from trainable.model.adapter import attach_adapter, detach_adapter
from trainable.model.load import load_base

NOW = datetime(2026, 3, 1, 22, 0)
COSTS = Costs(origin="measured", trials=4, step_s=1, rung_s=2, final_s=3, trial_s=1, worker_s=4, before_s=6, after_s=2)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "paretune"


def spec_of(**search):
    spec = made_spec(**{"concurrency": 2, **search})
    return spec.model_copy(update={"trial": spec.trial.model_copy(update={"steps": 20, "rungs": (2, 4, 15)})})


def test_costs_of_a_record_are_those_it_was_made_with(tmp_path):
    spec = spec_of()
    folder = swept(tmp_path / "sweep", spec, [("COMPLETE", 20)] * 5)

    costs = fitted_costs(folder, spec, before_s=9, after_s=1)

    assert costs.step_s == pytest.approx(STEP_S)
    assert costs.rung_s == pytest.approx(RUNG_S)
    assert costs.final_s == pytest.approx(FINAL_S)
    assert costs.trial_s == pytest.approx(MADE_S + HANDED_S)
    assert costs.worker_s == pytest.approx(WORKER_S)
    assert (costs.before_s, costs.after_s, costs.trials, costs.saved_share) == (9, 1, 3, 0)


def test_stopped_trials_tell_what_the_pruner_saved(tmp_path):
    """Two of five trials stop at step 4 of 20: 2 · 16 of 100 steps."""
    spec = spec_of()
    endings = [("COMPLETE", 20), ("COMPLETE", 20), ("PRUNED", 4), ("COMPLETE", 20), ("PRUNED", 4)]
    folder = swept(tmp_path / "sweep", spec, endings)

    costs = fitted_costs(folder, spec)

    assert costs.saved_share == pytest.approx(0.32)
    assert costs.step_s == pytest.approx(STEP_S)
    assert costs.final_s == pytest.approx(FINAL_S)


def test_of_equal_rungs_the_time_of_a_whole_trial_is_right(tmp_path):
    spec = spec_of()
    spec = spec.model_copy(update={"trial": spec.trial.model_copy(update={"rungs": (5, 10, 15)})})
    costs = fitted_costs(swept(tmp_path / "sweep", spec, [("COMPLETE", 20)] * 5), spec)

    whole = 20 * costs.step_s + 3 * costs.rung_s + costs.final_s + costs.trial_s
    assert whole == pytest.approx(MADE_S + 20 * STEP_S + 3 * RUNG_S + FINAL_S + HANDED_S)


def test_rows_tell_a_step_from_a_report_where_rungs_do_not(tmp_path):
    spec = spec_of()
    spec = spec.model_copy(update={"trial": spec.trial.model_copy(update={"rungs": (5, 10, 15)})})
    folder = swept(tmp_path / "sweep", spec, [("COMPLETE", 20)] * 5)

    costs = fitted_costs(folder, spec, rows_ratio=FINAL_S / RUNG_S)

    assert costs.step_s == pytest.approx(STEP_S)
    assert costs.rung_s == pytest.approx(RUNG_S)


def test_bytes_are_those_of_the_parts(tmp_path):
    spec = spec_of()
    folder = swept(tmp_path / "sweep", spec, [("COMPLETE", 20)] * 5)

    sizes = [path.stat().st_size for path in (folder / "reports").iterdir()]

    assert fitted_costs(folder, spec).record.report == pytest.approx(sum(sizes) / 20)


def test_a_sweep_of_too_few_trials_is_refused(tmp_path):
    spec = spec_of()
    folder = swept(tmp_path / "sweep", spec, [("COMPLETE", 20)] * 3)

    with pytest.raises(PlanError, match="1 trials ended after those that start the workers; expected 2"):
        fitted_costs(folder, spec)


def test_what_was_measured_is_found_by_the_same_settings():
    keep_costs(made_spec(), COSTS)

    assert kept_costs(made_spec(trials=500, seed=3)).costs == COSTS
    assert kept_costs(made_spec(trials=500, seed=3)).other == ()
    assert kept_costs(made_spec(concurrency=2)).other == ("concurrency",)


@pytest.mark.parametrize("key", ["batch", "accumulation", "rung_rows", "eval_batch", "max_new_tokens"])
def test_what_was_measured_is_not_taken_for_trials_of_another_cost(key):
    keep_costs(made_spec(), COSTS)
    spec = made_spec()
    other = spec.model_copy(update={"trial": spec.trial.model_copy(update={key: getattr(spec.trial, key) + 3})})

    assert kept_costs(other) is None


def test_the_closest_measurement_is_taken():
    keep_costs(made_spec(concurrency=2), COSTS)
    keep_costs(made_spec(), COSTS.model_copy(update={"step_s": 5}))

    assert kept_costs(made_spec()).costs.step_s == 5


def test_a_new_measurement_gives_times_and_a_finished_sweep_the_savings():
    finished = COSTS.model_copy(update={"origin": "sweep", "step_s": 9, "saved_share": 0.25, "front_ratio": 0.5})

    found = with_times_of(KnownCosts(COSTS, "here"), KnownCosts(finished, "of a sweep")).costs

    assert (found.step_s, found.saved_share, found.front_ratio) == (COSTS.step_s, 0.25, 0.5)


def test_a_damaged_file_of_the_cache_is_left_alone(cache):
    keep_costs(made_spec(), COSTS)
    (cache / "plans" / "other.json").write_text("{")

    assert kept_costs(made_spec()).costs == COSTS


def test_steps_and_limits_do_not_decide_on_costs():
    assert "steps" not in settings(made_spec())["trial"]
    assert settings(made_spec(time_limit=5)) == settings(made_spec())


def test_sweeps_of_equal_settings_are_found_the_latest_first(tmp_path):
    import platform

    here = {"machine": f"{platform.node()} x86_64"}
    swept(tmp_path / "sweeps" / "a", made_spec(), [], metadata=here)
    swept(tmp_path / "sweeps" / "b", made_spec(trials=99), [], metadata=here)
    swept(tmp_path / "sweeps" / "c", made_spec(concurrency=3), [], metadata=here)
    swept(tmp_path / "sweeps" / "d", made_spec(), [], metadata={"machine": "elsewhere x86_64"})
    (tmp_path / "sweeps" / "e").mkdir()
    (tmp_path / "sweeps" / "e" / "sweep.json").write_text("[]")

    assert [folder.name for folder in alike_sweeps(made_spec(), tmp_path / "sweeps")] == ["b", "a"]
    assert alike_sweeps(made_spec(), tmp_path / "nowhere") == []


def test_settings_that_differ_are_named():
    spec = made_spec()
    other = spec.model_copy(update={"trial": spec.trial.model_copy(update={"batch": 3})})

    assert list(differences(spec, other)) == ["trial.batch"]
    assert list(differences(spec, made_spec(concurrency=2))) == ["search.concurrency"]


def test_what_a_check_found_is_known_until_data_change(tmp_path):
    data = {"sources": [{"source": "rows", "path": str(tmp_path / "rows.json")}]}
    (tmp_path / "rows.json").write_text("[]")
    spec = made_spec().model_copy(update={"data": type(made_spec().data).model_validate(data)})
    counts = RowCounts(is_exact=True, rows={"search": {"text": 3}}, tokens=50.5, kept_bytes=7)
    keep_counts(spec, counts)

    assert known_counts(spec) == counts
    (tmp_path / "rows.json").write_text("[1]")
    assert known_counts(spec) is None


def test_drawn_scenes_are_counted_without_drawing_them(tmp_path):
    (tmp_path / "sweep.yaml").write_text(TINY_SWEEP.replace("scenes: 12", "scenes: 500"))
    spec = load_spec(tmp_path / "sweep.yaml")
    guessed = known_counts(spec)
    found = found_counts(spec, check_data(spec), tokens=None)

    assert not guessed.is_exact and found.is_exact
    for split, tasks in found.rows.items():
        for task, count in tasks.items():
            assert guessed.rows[split][task] == pytest.approx(count, rel=0.1)


@pytest.mark.parametrize(
    ("limit", "scored"),
    [(None, (30, 10)), (40, (30, 10)), (8, (4, 4)), (9, (5, 4)), (30, (20, 10)), (1000, (30, 10))],
)
def test_rows_of_both_tasks_are_scored_in_turn(limit, scored):
    counts = RowCounts(is_exact=True, rows={"search": {"grounding": 30, "text": 10}})

    found = counts.scored(limit=limit)

    assert (found["grounding"], found["text"]) == scored


@pytest.fixture(scope="module")
def base():
    return load_base(ModelConfig())


@pytest.mark.parametrize("targets", ["attention", "mlp", "all"])
@pytest.mark.parametrize("last_layers", [0, 1])
def test_adapters_have_as_many_numbers_as_those_of_peft(base, targets, last_layers):
    model = attach_adapter(base, AdapterConfig(rank=4, targets=targets, last_layers=last_layers), seed=0)
    numbers = sum(value.numel() for value in model.parameters() if value.requires_grad)
    detach_adapter(model)

    assert base_shape("tiny").adapter_parameters(rank=4, targets=targets, last_layers=last_layers) == numbers


def test_parameters_that_tokens_pass_are_those_of_the_language_model(base):
    """Norms and biases are left out; they are less than 1 %."""
    language = base.model.model.language_model
    numbers = sum(value.numel() for value in language.parameters())  # the embedding is the output layer as well

    assert base_shape("tiny").parameters == pytest.approx(numbers, rel=0.01)


def test_sizes_of_the_2b_model_are_read_from_its_settings(tmp_path):
    """By its card, Qwen2-VL-2B has 1.54 billion numbers in its language model."""
    config = {
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_hidden_layers": 28,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    shape = base_shape(str(tmp_path))

    attention = 2 * (1536 + 1536) + 2 * (1536 + 256)
    assert shape.adapter_parameters(rank=8, targets="all") == 28 * 8 * (attention + 3 * (1536 + 8960))
    assert shape.parameters == pytest.approx(1.54e9, rel=0.01)


def test_a_base_that_is_not_here_has_no_sizes(tmp_path):
    assert base_shape(str(tmp_path)) is None
    assert base_shape("nobody/nothing") is None
    (tmp_path / "config.json").write_text("{}")
    assert base_shape(str(tmp_path)) is None


def test_checkpoints_of_the_space_lie_between_those_of_its_smallest_and_largest_adapter():
    spec = made_spec()
    low, high = adapter_bytes(spec, base_shape("tiny"))

    assert low == high == 4 * base_shape("tiny").adapter_parameters(rank=16, targets="all")
    assert checkpoint_bytes(low) == 3 * low


def known(costs=None, **changes):
    return Known(**{"costs": costs, "shape": base_shape("tiny"), "counts": None, "spreads": {}, "gpus": 0, **changes})


def test_without_a_measurement_only_a_range_is_given():
    plan = make_plan(made_spec(), known(), now=NOW)
    lines = "\n".join(plan_lines(plan, now=NOW))

    assert plan.expected is None
    assert plan.low.seconds < plan.high.seconds
    assert "nothing was measured here. A rough range" in lines
    assert "about" not in lines.split("disk:")[0]
    assert plan.result()["expected"] is None and plan.result()["calibrated"] is False


def test_of_an_unknown_base_not_even_a_range_is_given():
    plan = make_plan(made_spec(), known(shape=None), now=NOW)

    assert plan.low is plan.expected is plan.high is None
    assert "time: not known" in "\n".join(plan_lines(plan, now=NOW))


def test_a_measured_plan_says_when_the_sweep_ends():
    keep_costs(made_spec(), COSTS)
    plan = make_plan(made_spec(), known(kept_costs(made_spec())), now=NOW)
    lines = plan_lines(plan, now=NOW)

    # six trials of 1 + 6 + 2 · 2 + 3 seconds, one after the other
    assert plan.expected.seconds == 6 + 4 + 6 * 14 + 2
    assert lines[1].startswith("time: about 1 min 36 s (") and "it ends at about 22:01" in lines[1]
    assert plan.low.seconds < plan.expected.seconds < plan.high.seconds


def test_what_was_measured_beside_other_programs_gives_a_wide_range():
    busy = KnownCosts(COSTS.model_copy(update={"load": 1000.0}), "measured here")
    quiet = KnownCosts(COSTS.model_copy(update={"load": 0.0}), "measured here")
    wide, narrow = (make_plan(made_spec(), known(one), now=NOW) for one in (busy, quiet))

    assert wide.expected == narrow.expected
    assert wide.low.seconds == pytest.approx(wide.expected.seconds / 2)
    assert wide.high.seconds == pytest.approx(wide.expected.seconds * 2)
    assert narrow.high.seconds == pytest.approx(narrow.expected.seconds * 1.15)
    assert "measure again" in "\n".join(plan_lines(wide, now=NOW))
    assert "measure again" not in "\n".join(plan_lines(narrow, now=NOW))


def test_no_more_trials_run_at_a_time_than_gpus_hold():
    spec = made_spec(concurrency=8)
    resources = spec.trial.resources.model_copy(update={"gpus": 0.5})
    spec = spec.model_copy(update={"trial": spec.trial.model_copy(update={"resources": resources})})

    assert make_plan(spec, known(gpus=2), now=NOW).workers == 4
    assert make_plan(spec, known(gpus=0), now=NOW).workers == 8  # a plan for another machine


def test_more_rows_and_tokens_take_longer_by_the_rough_rates():
    shape, spec = base_shape("tiny"), made_spec()
    short, long = rough_costs(spec, shape, tokens=60, final_rows=10)
    more, _ = rough_costs(spec, shape, tokens=120, final_rows=1000)

    assert more.step_s == pytest.approx(2 * short.step_s)
    assert more.final_s > short.final_s
    assert long.step_s > 10 * short.step_s
    # by hand: 8 rows of 60 tokens, four operations a number and token, at 100 billion a second
    assert short.step_s == pytest.approx(8 * 60 * 4 * shape.parameters / 100e9)
    assert math.isfinite(long.final_s)
