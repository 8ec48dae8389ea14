"""One trial on the embedded tiny base, without Ray."""

import dataclasses
from typing import get_args

import pytest
import torch
from made_rows import example_of, mixed_records
from made_trials import DATA, config_of, run

from spaces import METRICS, TERM_NAMES, MixtureConfig, ModelConfig
from spaces.curriculum import Pacing
from spaces.weighting import WeightingName
from trainable.checkpoints import packed, unpacked
from trainable.data.collate import collate
from trainable.data.records import interleaved
from trainable.data.render import render
from trainable.errors import DataError, DivergedError
from trainable.evaluation.generate import generate_answers
from trainable.host import Host
from trainable.model.load import load_processor
from trainable.reason import reason_of
from trainable.trial import Trial


@pytest.fixture(scope="module")
def host():
    torch.set_num_threads(1)
    return Host(ModelConfig(), DATA)


def test_a_trial_reports_at_its_rungs_and_at_its_last_step(host):
    reports = run(config_of(), host)
    assert [report.step for report in reports] == [2, 4, 6]
    assert [report.progress for report in reports] == pytest.approx([1 / 3, 2 / 3, 1])
    assert set(reports[-1].weights) == set(TERM_NAMES)
    assert set(reports[-1].losses) == {"text_ce", "box_ce"}
    # every row has one reference, so that there are no people who could agree
    assert set(METRICS) - {"text.vqa_accuracy"} <= set(reports[-1].metrics)
    assert [any(name.startswith("slice.") for name in report.metrics) for report in reports] == [False, False, True]
    # the divergence from the base would cost a second pass
    assert {f"teacher_forced.{name}" for name in TERM_NAMES if name != "kl"} <= set(reports[-1].metrics)


def test_the_same_trial_gives_the_same_numbers_whatever_ran_between(host):
    config = config_of(
        adapter={"dropout": 0.1},
        mixture={name: {"on": True} for name in TERM_NAMES},
        curriculum={"pacing": "linear"},
    )
    first = run(config, host)
    run(config_of(training={"seed": 9}), host)
    assert run(config, host) == first


def test_the_optimizer_gives_the_bits_of_one_that_steps_parameter_by_parameter(host, monkeypatch):
    own, config = torch.optim.AdamW, config_of(optimizer={"weight_decay": 0.1})
    taken: list[bool] = []

    def adapter(*, foreach: bool | None) -> list[torch.Tensor]:
        def made(*args, **settings):
            taken.append(settings["foreach"])
            return own(*args, **{**settings, "foreach": settings["foreach"] if foreach is None else foreach})

        monkeypatch.setattr(torch.optim, "AdamW", made)
        trial = Trial(config, host)
        trial.train()
        values = [value.detach().clone() for value in trial._state.parameters]
        trial.close()
        return values

    ours, plain = adapter(foreach=None), adapter(foreach=False)
    assert taken == [True, True]
    assert all(map(torch.equal, ours, plain))


def test_the_seed_and_the_settings_change_the_numbers(host):
    plain = run(config_of(), host)[-1].losses
    assert run(config_of(training={"seed": 4}), host)[-1].losses != plain
    assert run(config_of(mixture={"box_ce": {"weight": 3.0}}), host)[-1].losses != plain


def test_micro_batches_of_half_the_size_train_the_same_trial(host):
    whole = run(config_of(training={"batch": 8}), host)[-1]
    halves = run(config_of(training={"batch": 4, "accumulation": 2}), host)[-1]
    assert halves.losses == pytest.approx(whole.losses, rel=1e-4)


def test_training_learns(host):
    fast = {"learning_rate": 3e-3}
    first, last = run(config_of(optimizer=fast, training={"steps": 30, "rungs": (5,), "batch": 16}), host)
    assert last.losses["text_ce"] < 0.5 * first.losses["text_ce"]


def test_weights_follow_their_schedule_into_the_reports(host):
    reports = run(config_of(mixture={"box_ce": {"weight": 2.0, "shape": "linear", "octaves": 1.0}}), host)
    assert [report.weights["box_ce"] for report in reports] == pytest.approx(
        [1.4, 2.2, 3.0]
    )  # at the middle of the last step
    assert [report.weights["text_ce"] for report in reports] == [1, 1, 1]


def test_evaluation_does_not_change_with_the_curriculum(host):
    at_start = {"optimizer": {"learning_rate": 1e-12}}
    plain = run(config_of(**at_start), host)[-1].metrics
    paced = run(config_of(**at_start, curriculum={"pacing": "root", "start_share": 0.1}), host)[-1].metrics
    assert paced == pytest.approx(plain, abs=1e-5)


def test_a_loss_that_is_not_finite_ends_the_trial_and_leaves_the_host_usable(host):
    trial = Trial(config_of(), host)
    next(value for name, value in trial._model.named_parameters() if "lora_B" in name).data.fill_(float("nan"))
    with pytest.raises(DivergedError, match=r"text_ce is not finite at step 1") as caught:
        trial.advance()
    trial.close()
    assert reason_of(caught.value) == "diverged: text_ce is not finite at step 1"
    assert all(value == value for value in run(config_of(), host)[-1].metrics.values())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried"), "out of memory: CUDA out of memory. Tried"),
        (MemoryError(), "out of memory: MemoryError"),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you"), "out of memory: DefaultCPUAllocator"),
        (DataError("a.json#3 is empty"), "bad data: a.json#3 is empty"),
        (KeyError("x"), "error: KeyError: 'x'"),
    ],
)
def test_each_kind_of_failure_has_its_own_reason(error, reason):
    with pytest.raises(type(error)) as caught:
        raise error
    assert reason_of(caught.value).startswith(reason)


def test_a_batch_of_prompts_generates_what_each_prompt_alone_generates(host):
    rows = host.search_rows(9)
    examples = [row.example for row in rows]
    together = generate_answers(host.base.model, host.base, examples, batch=9, max_new_tokens=40)
    alone = [generate_answers(host.base.model, host.base, [one], batch=1, max_new_tokens=40)[0] for one in examples]
    assert together == alone
    assert any("<|box_start|>" in answer for answer in together)


def test_a_batch_of_rows_with_and_without_images_generates_what_each_alone_generates(base):
    examples = [example_of(record, base) for record in mixed_records()]
    together = generate_answers(base.model, base, examples, batch=8, max_new_tokens=20)
    assert together == [generate_answers(base.model, base, [e], batch=1, max_new_tokens=20)[0] for e in examples]


def test_generation_agrees_with_the_teacher_forced_argmax(host):
    """Guards positions in generation: without token types they would silently be one-dimensional."""
    example = host.search_rows(1)[0].example
    answer = generate_answers(host.base.model, host.base, [example], batch=1, max_new_tokens=40)[0]
    prompt = example.row.ids[: example.row.prompt_length]
    ids = host.base.tokenizer(answer, add_special_tokens=False)["input_ids"]
    row = dataclasses.replace(
        example.row,
        ids=prompt + tuple(ids),
        roles=(0,) * len(prompt) + (1,) * len(ids),
        digits=(),
        boxes=(),
        extents=(),
    )
    batch = collate([dataclasses.replace(example, row=row, positions=None)], host.base)
    with torch.no_grad():
        logits = host.base.model(**batch.inputs, logits_to_keep=batch.keep).logits
    assert logits.argmax(dim=-1).tolist() == ids


def test_training_without_the_images_of_its_rows_is_refused(host):
    example = next(row.example for row in host.search_rows(4) if row.example.images)
    with pytest.raises(ValueError, match="16 image placeholders but 0 image tokens"):
        collate([dataclasses.replace(example, images=())], host.base)


def test_a_row_that_is_too_long_is_refused_with_its_length(host):
    with pytest.raises(DataError, match=r"every row of the split train is refused, the first since it has \d+ tokens"):
        Host(ModelConfig(), DATA.model_copy(update={"max_length": 30}))
    lengths = [len(row.example.row.ids) for row in host.search_rows(None)]
    longest = max(lengths)
    short = Host(ModelConfig(), DATA.model_copy(update={"max_length": longest - 1}))
    assert len(short.search_rows(None)) == len(lengths) - lengths.count(longest)
    assert all(len(row.example.row.ids) < longest for row in short.search_rows(None))


def test_a_mixture_without_a_used_term_cannot_be_built():
    with pytest.raises(ValueError, match="every loss term is off"):
        MixtureConfig.model_validate({"text_ce": {"on": False}, "box_ce": {"weight": 0}})


def test_any_beginning_of_the_search_rows_holds_both_tasks_in_their_share(host):
    records = interleaved(host.split.search)
    share = sum(record.task == "grounding" for record in records) / len(records)
    for count in range(4, len(records)):
        found = sum(record.task == "grounding" for record in records[:count])
        assert abs(found - share * count) <= 1


MOVING = [
    *({"mixture": {"weighting": {"name": name, "dwa_window": 1}}} for name in get_args(WeightingName)),
    {"mixture": {"scale": "calibrated", "ntl_was": {"on": True, "log10": -0.5}}},
    *({"curriculum": {"pacing": name, "difficulty": "phrase_length"}} for name in get_args(Pacing)),
    {"curriculum": {"pacing": "linear", "difficulty": "base_loss", "order": "anti"}},
    {"curriculum": {"mix": "task", "grounding_share": 0.8, "grounding_drift": -2.0}},
    {"adapter": {"dropout": 0.2}, "optimizer": {"decay": "linear"}},
]


@pytest.mark.parametrize("settings", MOVING, ids=str)
def test_a_trial_goes_on_from_its_checkpoint_as_if_it_had_never_stopped(host, settings):
    config = config_of(**settings)
    expected = run(config, host)
    trial = Trial(config, host, clock=lambda: 0.0)
    trial.advance()
    saved = packed(trial.state_dict())
    trial.close()
    run(config_of(training={"seed": 9}), host)  # something else, in between
    trial = Trial(config, host, clock=lambda: 0.0)
    trial.load_state_dict(unpacked(saved))
    again = [trial.advance(), trial.advance()]
    trial.close()
    for report, other in zip(expected[1:], again, strict=True):
        assert dataclasses.replace(report, seconds=0.0) == dataclasses.replace(other, seconds=0.0)


def test_weighted_losses_are_what_the_terms_add_to_the_loss(host):
    mixture = {"box_ce": {"weight": 2.0}, "giou": {"on": True, "weight": 0.5}}
    report = run(config_of(mixture=mixture, training={"steps": 1, "rungs": ()}), host)[0]
    assert set(report.weighted) == {"text_ce", "box_ce", "giou"}
    assert report.weighted["giou"] == pytest.approx(0.5 * report.losses["giou"])
    plain = run(config_of(training={"steps": 1, "rungs": ()}), host)[0]
    assert report.weighted["box_ce"] == pytest.approx(2 * plain.weighted["box_ce"])


def test_a_trial_reports_the_exposure_of_both_tasks(host):
    late = {"box_ce": {"shape": "linear", "octaves": 3.0}}
    reports = run(config_of(mixture=late), host)
    for report in reports[:-1]:
        assert 0 < report.exposure["grounding"] < report.exposure["text"] < 1
    assert reports[-1].exposure == {"grounding": 1.0, "text": 1.0}


def test_an_adaptive_weighting_moves_the_weights_from_report_to_report(host):
    reports = run(config_of(mixture={"weighting": {"name": "emanorm"}}), host)
    weights = [report.weights["box_ce"] for report in reports]
    assert len(set(weights)) == 3
    for report in reports:
        assert report.weights["text_ce"] + report.weights["box_ce"] == pytest.approx(2)


def test_self_paced_learning_begins_with_the_rows_that_the_base_finds_easy(host):
    drawn = []
    config = config_of(curriculum={"pacing": "self_paced", "start_share": 0.1, "full_at": 1.0})
    trial = Trial(config, host)
    sampler = trial._state._course._sampler
    draw = sampler.draw
    sampler.draw = lambda count, progress: drawn.append(draw(count, progress)) or drawn[-1]
    trial.advance()
    trial.close()
    grounding = [row for row, record in enumerate(host.split.train) if record.task == "grounding"]
    loss = dict(zip(grounding, host.base_losses, strict=True))
    limit = sorted(loss.values())[len(loss) // 2]
    seen = [loss[row] for row in drawn[0] if row in loss]
    assert seen and max(seen) < limit


def test_a_state_stays_what_it_was_when_the_trial_goes_on(host):
    trial = Trial(config_of(), host)
    trial.advance()
    state = trial.state_dict()
    before = [value.clone() for value in state["adapter"]]
    moments = state["optimizer"]["state"][0]["exp_avg"].clone()
    trial.advance()
    trial.close()
    assert all(torch.equal(value, other) for value, other in zip(before, state["adapter"], strict=True))
    assert torch.equal(moments, state["optimizer"]["state"][0]["exp_avg"])


def test_references_are_computed_once_for_all_weights(host):
    first, second, other = (
        host.references(MixtureConfig.model_validate({"scale": "calibrated", **terms}))
        for terms in (
            {"soft_label": {"on": True, "log10": -1.0}},
            {"soft_label": {"on": True, "log10": 0.3}, "box_ce": {"shape": "linear", "octaves": 1.0}},
            {"soft_label": {"on": True, "tau": 2.0}},
        )
    )
    assert first is second
    assert first["soft_label"] != other["soft_label"]


def test_training_evaluation_and_the_check_share_one_pixel_budget(host):
    config = ModelConfig(max_pixels=28 * 28 * 8)
    small = Host(config, DATA)
    processor = load_processor(config, only_local=True)  # what the check uses
    for records in (small.split.train[:3], small.split.search[:3]):
        for record in records:
            (pixels,) = small.example(record).images
            assert pixels.tokens == processor.tokens(record.images[0].size) < 16
            assert small.example(record).row == render(record, processor)
    assert host.example(host.split.train[0]).images[0].tokens == 16
