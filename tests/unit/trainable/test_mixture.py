import pytest
import torch
from made_rows import example_of, made_record, mixed_records
from made_views import view_of_logits

from spaces import TERM_NAMES, MixtureConfig, OptimizerConfig
from trainable.calibration import losses_by_row, reference_losses, row_losses
from trainable.data.collate import collate
from trainable.exposure import planned_exposure
from trainable.losses import Mixture, TermSum, make_terms

ALL = MixtureConfig.model_validate({name: {"on": True} for name in TERM_NAMES})


@pytest.fixture(scope="module")
def examples(base):
    return [example_of(record, base) for record in mixed_records()]


@pytest.fixture(scope="module")
def references(base, examples):
    return reference_losses(base, examples, make_terms(ALL))


def first_loss(base, examples, config, references):
    """Give loss and parts of the base on one batch of the calibration rows."""
    mixture = Mixture(config, make_terms(config), references=references)
    targets = (batch := collate(examples, base)).targets
    with torch.no_grad():
        logits = base.model(**batch.inputs, logits_to_keep=batch.keep).logits
    view = view_of_logits(logits, targets, logits)
    return mixture.loss(view, denominators=mixture.denominators([targets]), weights=mixture.weights(0.5))


def test_a_calibrated_term_starts_at_its_own_weight(base, examples, references):
    config = MixtureConfig.model_validate(
        {"scale": "calibrated", **{name: {"on": True, "log10": -0.5} for name in TERM_NAMES[1:]}}
    )
    _, parts = first_loss(base, examples, config, references)
    weights = config.mean_weights()
    assert set(parts) == set(TERM_NAMES)
    for name, part in parts.items():
        assert part.weighted == pytest.approx(weights[name] if name != "kl" else 0, rel=1e-4, abs=1e-5), name


def test_references_do_not_depend_on_how_the_rows_are_batched(base, examples, references):
    parts = [
        reference_losses(base, examples[:3], make_terms(ALL)),
        reference_losses(base, examples[3:], make_terms(ALL)),
    ]
    counts = [sum(collate([one], base).targets.labels.numel() for one in part) for part in (examples[:3], examples[3:])]
    together = sum(part["text_ce"] * count for part, count in zip(parts, counts, strict=True)) / sum(counts)
    assert together == pytest.approx(references["text_ce"], rel=1e-5)


def test_a_term_without_scale_at_the_start_is_divided_by_one(base, examples, references):
    assert references["kl"] == 1.0
    text = [example_of(made_record("Say.", "yes"), base)]
    assert reference_losses(base, text, make_terms(ALL))["giou"] == 1.0


@pytest.mark.parametrize("settings", [{"scale": "calibrated"}, {"weighting": {"name": "refnorm"}}])
def test_a_mixture_that_needs_the_bases_values_says_so(settings):
    config = MixtureConfig.model_validate(settings)
    with pytest.raises(ValueError, match="needs the base's value of text_ce, box_ce"):
        Mixture(config, make_terms(config))


def test_refnorm_weighs_every_task_term_alike_at_the_start_and_leaves_regularisers_alone(base, examples, references):
    config = MixtureConfig.model_validate(
        {"weighting": {"name": "refnorm"}, "giou": {"on": True, "weight": 1.0}, "z_loss": {"on": True, "weight": 0.01}}
    )
    _, parts = first_loss(base, examples, config, references)
    values = [parts[name].weighted for name in ("text_ce", "box_ce", "giou")]
    assert values == pytest.approx([values[0]] * 3, rel=1e-4)
    assert Mixture(config, make_terms(config), references=references).weights(0.5)["z_loss"] == 0.01


def test_the_weights_follow_what_the_weighting_observes():
    config = MixtureConfig.model_validate({"weighting": {"name": "emanorm"}})
    mixture = Mixture(config, make_terms(config))
    assert mixture.weights(0.5)["box_ce"] == 1
    mixture.observe({"text_ce": TermSum(9, 9, 3.0, 3.0), "box_ce": TermSum(2, 2, 1.0, 1.0)})
    assert [mixture.weights(0.5)[name] for name in ("text_ce", "box_ce")] == pytest.approx([0.5, 1.5])
    mixture.observe({"text_ce": TermSum(0, 0, 0.0, 0.0)})  # no text in the window tells nothing of text
    assert mixture.weights(0.5)["text_ce"] == pytest.approx(0.5)
    other = Mixture(config, make_terms(config))
    other.load_state_dict(mixture.state_dict())
    assert other.weights(0.5) == mixture.weights(0.5)


def test_multipliers_are_numbers_without_a_gradient(base, examples):
    config = MixtureConfig.model_validate({"weighting": {"name": "famo"}})
    mixture = Mixture(config, make_terms(config))
    for loss in (1.0, 0.5):
        mixture.observe({name: TermSum(loss, 1, loss, loss) for name in ("text_ce", "box_ce")})
    assert all(type(weight) is float for weight in mixture.weights(0.5).values())


def test_row_losses_equal_the_models_own_loss_row_by_row(base, examples):
    losses = row_losses(base, examples)
    for example, loss in zip(examples, losses, strict=True):
        batch = collate([example], base)
        labels = torch.full(batch.keep.shape, -100)
        labels[:, 1:][batch.keep[:, :-1]] = batch.targets.labels
        with torch.no_grad():
            assert loss == pytest.approx(base.model(**batch.inputs, labels=labels).loss.item(), rel=1e-3, abs=1e-5)


def test_losses_by_row_keep_rows_apart(base, examples):
    batch = collate(examples[:3], base)
    logits = torch.zeros(len(batch.targets.labels), 50)
    logits[batch.targets.rows == 1] = (
        5.0 * torch.nn.functional.one_hot(batch.targets.labels % 50, 50)[batch.targets.rows == 1]
    )
    view = view_of_logits(logits, type(batch.targets)(**{**vars(batch.targets), "labels": batch.targets.labels % 50}))
    flat, certain, other = losses_by_row(view, rows=3).tolist()
    assert flat == pytest.approx(3.912, abs=1e-3) == other  # the logarithm of 50
    assert certain < 0.5


def exposure(task, *, mixture=None, share=lambda task, progress: 0.5, steps=8, **optimizer):
    return planned_exposure(
        task,
        optimizer=OptimizerConfig(**{"warmup_share": 0.0, "decay": "constant", **optimizer}),
        mixture=MixtureConfig.model_validate(mixture or {}),
        task_share=share,
        steps=steps,
    )


def test_exposure_is_the_progress_where_nothing_moves():
    assert exposure("text") == pytest.approx([step / 8 for step in range(1, 9)]) == exposure("grounding")


def test_exposure_follows_the_learning_rate_the_weights_and_the_share():
    # By hand, at the middles of two steps: a linear decay gives rates in the ratio 3 : 1.
    assert exposure("text", steps=2, decay="linear") == pytest.approx([0.75, 1])
    # One octave: factors 0.4 + 1.2 u, so 0.7 and 1.3.
    rising = {"box_ce": {"shape": "linear", "octaves": 1.0}}
    assert exposure("grounding", mixture=rising, steps=2) == pytest.approx([0.35, 1])
    assert exposure("text", mixture=rising, steps=2) == pytest.approx([0.5, 1])
    assert exposure("text", share=lambda task, progress: progress, steps=2) == pytest.approx([0.25, 1])


def test_every_term_that_measures_a_task_counts_and_no_regulariser_does():
    late = {"shape": "step", "octaves": 3.0, "at": 0.5}
    plain = exposure("grounding", steps=2)
    assert exposure("grounding", mixture={"kl": {"on": True, "weight": 9.0, **late}}, steps=2) == plain
    assert exposure("grounding", mixture={"giou": {"on": True, "weight": 9.0, **late}}, steps=2)[0] < 0.2


def test_a_task_that_no_term_measures_is_exposed_with_the_progress():
    assert exposure("grounding", mixture={"box_ce": {"on": False}}, steps=4) == [0.25, 0.5, 0.75, 1.0]


def test_exposure_never_falls_and_ends_at_one():
    values = exposure(
        "grounding",
        mixture={"box_ce": {"shape": "cyclical", "octaves": 2.0}},
        share=lambda task, progress: 1 - 0.9 * progress,
        steps=100,
        decay="cosine",
        warmup_share=0.1,
    )
    assert values == sorted(values)
    assert values[-1] == 1.0


@pytest.mark.parametrize("name", ["soft_label", "ntl_was", "carry", "l1", "giou"])
def test_a_window_without_a_box_still_has_a_gradient_of_zero(base, name):
    off = {"text_ce": {"on": False}, "box_ce": {"on": False}, name: {"on": True, "weight": 1.0}}
    config = MixtureConfig.model_validate(off)
    mixture = Mixture(config, make_terms(config))
    targets = collate([example_of(made_record("Say.", "yes"), base)], base).targets
    logits = torch.randn(len(targets.labels), len(base.tokenizer), requires_grad=True)
    loss, _ = mixture.loss(
        view_of_logits(logits, targets), denominators=mixture.denominators([targets]), weights=mixture.weights(0.5)
    )
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))
