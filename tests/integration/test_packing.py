"""Several trials on the embedded tiny base at once: each is what it is alone, whatever befalls the others."""

import hashlib
import weakref
from functools import cache

import pytest
import torch

from spaces import TERM_NAMES, DataConfig, ModelConfig, TrialConfig
from trainable.checkpoints import packed, unpacked
from trainable.errors import DataError
from trainable.host import Host
from trainable.packing import Failed, Pack, Reported, calibrate
from trainable.packing.joint import joint_pass
from trainable.trial import Trial

DATA = DataConfig(sources=({"source": "shapes", "domain": "shifted", "scenes": 24},), search_share=0.4)

ALL_TERMS = {name: {"on": True} for name in TERM_NAMES}
PLAIN = {}
DROPPED = {
    "adapter": {"rank": 4, "targets": "attention", "dropout": 0.2},
    "mixture": ALL_TERMS,
    "training": {"accumulation": 2, "batch": 3},
}
PACED = {
    "adapter": {"rank": 8, "targets": "mlp", "rank_stabilised": True},
    "curriculum": {"pacing": "self_paced", "start_share": 0.2},
    "mixture": {"scale": "calibrated", "weighting": {"name": "famo"}, "ntl_was": {"on": True}},
    "training": {"seed": 5, "steps": 5},
}
SMALL = {
    "adapter": {"rank": 2, "dropout": 0.1},
    "mixture": {"weighting": {"name": "rlw"}, "box_ce": {"shape": "linear", "octaves": 1.0}},
    "optimizer": {"decay": "linear", "clip_norm": 0.1, "learning_rate": 3e-3, "weight_decay": 0.1},
    "curriculum": {"pacing": "linear", "difficulty": "phrase_length", "mix": "task", "grounding_share": 0.8},
    "training": {"batch": 1, "seed": 7, "accumulation": 3},
}


@pytest.fixture(scope="module")
def host():
    torch.set_num_threads(1)
    return Host(ModelConfig(), DATA)


def config_of(**parts):
    """Give a trial that reports after every step, on few rows."""
    training = {
        "steps": 4,
        "batch": 2,
        "rung_rows": 2,
        "final_rows": 4,
        "max_new_tokens": 4,
        "eval_batch": 2,
        "seed": 3,
    }
    training |= parts.pop("training", {})
    training.setdefault("rungs", tuple(range(1, training["steps"])))
    return TrialConfig.model_validate(
        {"number": 1, "model": ModelConfig(), "data": DATA, "training": training, **parts}
    )


@pytest.fixture(scope="module")
def alone(host):
    """Give the reports of a trial that has the base to itself."""

    @cache
    def run(text):
        trial = Trial(TrialConfig.model_validate_json(text), host, clock=lambda: 0.0)
        reports = []
        while not trial.is_finished:
            reports.append(trial.advance())
        trial.close()
        return reports

    return lambda config: run(config.model_dump_json())


def pack_of(host, *configs, slots=None):
    pack = Pack(host, slots=slots or len(configs), clock=lambda: 0.0)
    for config in configs:
        pack.add(config)
    return pack


def run(pack):
    """Step until all trials are finished; give the reports and the failures by slot."""
    reports, failures = {}, {}
    while any(not pack[slot].is_finished for slot in pack.occupied):
        for outcome in pack.step():
            match outcome:
                case Reported(slot, report):
                    reports.setdefault(slot, []).append(report)
                case Failed(slot, reason):
                    failures[slot] = reason
    return reports, failures


def assert_same(reports, expected):
    assert [report.step for report in reports] == [report.step for report in expected]
    for report, other in zip(reports, expected, strict=True):
        for name in ("losses", "weights", "weighted", "exposure"):
            assert getattr(report, name) == pytest.approx(getattr(other, name), rel=1e-5, abs=1e-5)
        assert report.metrics.keys() == other.metrics.keys()
        forced = {name: value for name, value in other.metrics.items() if name.startswith("teacher_forced.")}
        assert forced and {name: report.metrics[name] for name in forced} == pytest.approx(forced, rel=1e-5, abs=1e-5)


def fingerprint(model):
    whole = hashlib.sha256()
    for name, value in model.state_dict().items():
        whole.update(name.encode() + value.float().cpu().numpy().tobytes())
    return whole.hexdigest()


def memory_for(rows, host, *, phase):
    """Let passes of more rows exhaust the memory, on the way forward or back; gives what undoes it."""

    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried")

    def before(_, inputs, settings):
        if phase == "forward" and len(settings["input_ids"]) > rows:
            fail()

    def after(_, inputs, settings, output):
        if phase == "backward" and len(settings["input_ids"]) > rows and output.last_hidden_state.requires_grad:
            output.last_hidden_state.register_hook(fail)

    first = host.base.model.model.register_forward_pre_hook(before, with_kwargs=True)
    second = host.base.model.model.register_forward_hook(after, with_kwargs=True)
    return lambda: (first.remove(), second.remove())


def test_each_packed_trial_is_what_it_is_alone(host, alone):
    configs = [config_of(**settings) for settings in (PLAIN, DROPPED, PACED, SMALL)]
    pack = pack_of(host, *configs)
    assert len({trial.batch.keep.shape[1] for trial in map(pack.__getitem__, pack.occupied)}) > 1, "rows are padded"
    reports, failures = run(pack)
    assert not failures
    for slot, config in enumerate(configs):
        assert_same(reports[slot], alone(config))


def test_dropout_draws_what_it_draws_alone(host, alone):
    strong = {"adapter": {"dropout": 0.5}, "optimizer": {"learning_rate": 0.01}}
    first, second = config_of(**strong), config_of(**strong, training={"batch": 5, "seed": 8})
    reports, _ = run(pack_of(host, first, second))
    assert_same(reports[0], alone(first))
    assert_same(reports[1], alone(second))
    assert alone(first)[-1].losses != pytest.approx(
        alone(config_of(optimizer={"learning_rate": 0.01}))[-1].losses, abs=1e-3
    )


def test_one_pass_serves_all_trials_and_one_more_those_that_compare_with_the_base(host):
    rows = []
    hook = host.base.model.model.register_forward_pre_hook(
        lambda _, inputs, settings: rows.append(len(settings["input_ids"])), with_kwargs=True
    )
    quiet = {"rungs": (), "steps": 9}
    pack = pack_of(host, *(config_of(training=quiet | {"batch": batch}) for batch in (1, 2)))
    pack.step()
    pack = pack_of(
        host, config_of(training=quiet), config_of(training=quiet | {"batch": 3}, mixture={"kl": {"on": True}})
    )
    pack.step()
    hook.remove()
    assert rows == [3, 3, 5]


def test_the_base_is_bitwise_what_it_was(host):
    before, layers = fingerprint(host.base.model), [type(layer) for layer in host.base.model.modules()]
    pack = pack_of(host, config_of(**DROPPED), config_of(optimizer={"learning_rate": 0.1}), config_of(**PACED))
    pack[1].parameters[1].data.fill_(float("nan"))
    run(pack)
    assert fingerprint(host.base.model) == before
    assert [type(layer) for layer in host.base.model.modules()] == layers
    assert not any(value.requires_grad for value in host.base.model.parameters())
    assert not host.base.model.training


def test_a_freed_slot_is_refilled_at_once_and_the_others_do_not_notice(host, alone):
    stays, stopped, next_ = config_of(**PACED), config_of(), config_of(**SMALL)
    pack = pack_of(host, stays, stopped)
    reports = {}
    for outcome in pack.step() + pack.step():
        reports.setdefault(outcome.slot, []).append(outcome.report)
    assert len(reports.pop(1)) == 2
    pack.remove(1)
    assert pack.free == (1,)
    assert pack.add(next_) == 1
    more, failures = run(pack)
    assert not failures
    assert_same(reports[0] + more[0], alone(stays))
    assert_same(more[1], alone(next_))


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), 3e38])
@pytest.mark.parametrize("place", [0, 1], ids=["down", "up"])
def test_what_is_not_finite_changes_no_bit_of_the_others(host, alone, poison, place):
    settings = (DROPPED, {}, PACED)
    good, bad = (pack_of(host, *(config_of(**parts) for parts in settings)) for _ in range(2))
    for pack in (good, bad):
        pack.step()
    bad[1].parameters[place].data.fill_(poison)
    if place == 0:  # a fresh `up` is zero, and what is multiplied with it
        bad[1].parameters[1].data.fill_(1.0)
    good.step()
    failed = [outcome for outcome in bad.step() if isinstance(outcome, Failed)]
    assert [outcome.slot for outcome in failed] == [1]
    assert failed[0].reason.startswith("diverged: ")
    for slot in (0, 2):
        for value, other in zip(bad[slot].parameters, good[slot].parameters, strict=True):
            assert torch.equal(value, other)
            assert value.grad is other.grad or torch.equal(value.grad, other.grad)
    rest, _ = run(bad)
    assert_same(rest[0][-2:], alone(config_of(**DROPPED))[-2:])
    assert_same(rest[2][-2:], alone(config_of(**PACED))[-2:])


def test_a_gradient_that_is_not_finite_stays_in_its_slot(host):
    pack = pack_of(host, config_of(), config_of(training={"seed": 8}))
    expected = joint_pass(host.base, [pack[0], pack[1]])
    pack[1].loss, loss = (lambda view: (loss(view)[0] * float("nan"), {})), pack[1].loss
    poisoned = joint_pass(host.base, [pack[0], pack[1]])
    assert not any(torch.isfinite(part).any() for part in poisoned[1].gradient[1::2])
    assert all(map(torch.equal, poisoned[0].gradient, expected[0].gradient))


def test_an_error_fails_its_trial_alone(host, alone):
    others = config_of(**DROPPED), config_of(**PACED)
    pack = pack_of(host, others[0], config_of(), others[1])

    def fail(view):
        raise KeyError("x")

    pack[1].loss = fail
    reports, failures = run(pack)
    assert list(failures) == [1]
    assert failures[1].startswith("error: KeyError: 'x' (fail, line ")
    assert_same(reports[0], alone(others[0]))
    assert_same(reports[2], alone(others[1]))


def test_a_row_that_cannot_be_read_fails_its_trial_alone(host, alone):
    pack = pack_of(host, config_of(**SMALL), config_of())

    def fail():
        raise DataError("a.json#3 is empty")

    pack[1]._state.begin_step = fail
    reports, failures = run(pack)
    assert failures == {1: "bad data: a.json#3 is empty"}
    assert_same(reports[0], alone(config_of(**SMALL)))


def test_an_evaluation_that_fails_fails_its_trial_alone(host, alone):
    pack = pack_of(host, config_of(**SMALL), config_of())
    pack[1].report = lambda: 1 / 0
    reports, failures = run(pack)
    assert list(failures) == [1]
    assert_same(reports[0], alone(config_of(**SMALL)))


@pytest.mark.parametrize("phase", ["forward", "backward"])
def test_exhausted_memory_fails_only_the_trial_that_does_not_fit_alone(host, alone, phase):
    small = config_of(**PACED), config_of(**DROPPED)
    expected = [alone(config) for config in small]
    pack = pack_of(host, small[0], config_of(training={"batch": 12}), small[1])
    restore = memory_for(6, host, phase=phase)
    try:
        reports, failures = run(pack)
    finally:
        restore()
    assert failures == {1: "out of memory: CUDA out of memory. Tried"}
    assert_same(reports[0], expected[0])
    assert_same(reports[2], expected[1])


def test_trials_that_fit_alone_but_not_together_all_go_on_in_smaller_passes(host, alone):
    configs = [config_of(**PACED), config_of(**DROPPED), config_of(), config_of(**SMALL)]
    expected = [alone(config) for config in configs]
    pack = pack_of(host, *configs)
    restore = memory_for(6, host, phase="forward")
    try:
        pack.step()
        assert pack.most_together == 2
        reports, failures = run(pack)
    finally:
        restore()
    assert not failures
    for slot, reference in enumerate(expected):
        assert_same(reports[slot][-2:], reference[-2:])


def test_a_failed_trial_leaves_its_memory(host):
    pack = pack_of(host, config_of(training={"batch": 12}), config_of())
    held = [weakref.ref(pack[0].parameters[0]), weakref.ref(pack[0]._state._optimizer), weakref.ref(pack[0])]
    restore = memory_for(6, host, phase="backward")
    outcomes = pack.step()
    restore()
    assert isinstance(outcomes[0], Failed)
    assert [each() for each in held] == [None] * 3


@pytest.mark.parametrize("settings", [DROPPED, PACED], ids=["dropout", "self_paced"])
def test_a_checkpoint_goes_from_a_pack_to_a_solo_trial_and_back(host, alone, settings):
    config = config_of(**settings)
    pack = pack_of(host, config, config_of())
    while not any(outcome.slot == 0 for outcome in pack.step()):
        pass
    saved = packed(pack[0].state_dict())
    solo = Trial(config, host, clock=lambda: 0.0)
    fresh = solo.state_dict()
    assert list(unpacked(saved)) == list(fresh)
    assert [value.shape for value in unpacked(saved)["adapter"]] == [value.shape for value in fresh["adapter"]]
    solo.load_state_dict(unpacked(saved))
    reports = [solo.advance()]
    saved = packed(solo.state_dict())
    solo.close()
    pack = pack_of(host, config_of(**SMALL), config)
    pack[1].load_state_dict(unpacked(saved))
    reports += run(pack)[0][1]
    assert_same(reports, alone(config)[1:])


def test_a_trial_is_not_saved_within_a_step(host):
    pack = pack_of(host, config_of(training={"accumulation": 2}))
    pack.step()
    with pytest.raises(ValueError, match="saved between two steps; this one is in step 1"):
        pack[0].state_dict()


def test_a_resting_trial_waits_and_a_finished_one_keeps_its_slot(host):
    pack = pack_of(host, config_of(), config_of(training={"steps": 1}))
    pack.step(resting={0})
    assert (pack[0].step, pack[1].step, pack[1].is_finished) == (0, 1, True)
    assert [outcome.slot for outcome in pack.step()] == [0]
    assert pack.occupied == (0, 1)


def test_a_full_pack_takes_no_more(host):
    pack = pack_of(host, config_of())
    with pytest.raises(ValueError, match="all 1 slots are occupied"):
        pack.add(config_of())
    with pytest.raises(ValueError, match="at least one slot; got 0"):
        Pack(host, slots=0)


def test_memory_that_is_exhausted_ends_the_ladder_of_the_calibration(host):
    ticks = iter([0.0, 3.0, 0.0, 3.0, 0.0, 3.0])  # a pack of two takes the time of one trial
    restore = memory_for(6, host, phase="backward")
    try:
        found = calibrate(host, config_of(), clock=lambda: next(ticks))
    finally:
        restore()
    assert found.batch_seconds == {1: 1.0, 2: 0.5}
    assert found.size == 2


def test_where_not_even_one_trial_fits_nothing_is_packed(host):
    restore = memory_for(1, host, phase="forward")
    try:
        found = calibrate(host, config_of(), clock=lambda: 0.0)
    finally:
        restore()
    assert (found.batch_seconds, found.size) == ({}, 1)
