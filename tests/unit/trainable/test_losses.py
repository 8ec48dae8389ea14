import dataclasses
import math
from fractions import Fraction
from statistics import fmean

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rows import example_of, made_record, mixed_records
from made_views import view_of_logits

from spaces import TERM_NAMES, AdapterConfig, MixtureConfig, TermConfig
from trainable.boxes import Box
from trainable.data.collate import collate
from trainable.losses import LOSS_TERMS, Mixture, make_terms
from trainable.losses.box import giou, soft_boxes, sort_corners
from trainable.losses.carry import branches
from trainable.losses.kl import KlToBase
from trainable.losses.ntl import NumberTokenLoss
from trainable.losses.soft_label import SoftDigitLabels
from trainable.markup import reference_text
from trainable.model.adapter import attach_adapter, detach_adapter
from trainable.trial import accumulate
from trainable.window import Window

TERMS = make_terms(MixtureConfig())


def only(**weights):
    """Give a mixture of the named terms and no others."""
    off = {name: {"on": False} for name in TERM_NAMES}
    return MixtureConfig.model_validate(off | {name: {"weight": weight} for name, weight in weights.items()})


ALL_ON = only(
    **{name: 0.2 + 0.1 * place for place, name in enumerate(TERM_NAMES)} | {"z_loss": 0.001, "l1": 3.0, "carry": 4.0}
)


def view_of(logits, targets):
    """Give a view with a base of its own, for the terms that compare with it."""
    base_logits = torch.randn(logits.shape, generator=torch.Generator().manual_seed(5)).bfloat16().float()
    return view_of_logits(logits, targets, base_logits)


def total(name, logits, targets):
    return TERMS[name].total(view_of(logits, targets))


@pytest.fixture
def model(base):
    adapted = attach_adapter(base, AdapterConfig(rank=4), seed=1)
    with torch.no_grad():
        for name, value in adapted.named_parameters():
            if "lora_B" in name:
                value.normal_(std=0.02, generator=torch.Generator().manual_seed(len(name)))
    yield adapted
    detach_adapter(adapted)


@pytest.fixture(scope="module")
def examples(base):
    return [example_of(record, base) for record in mixed_records()]


def gradient(model):
    parts = [value.grad.flatten() for value in model.parameters() if value.grad is not None]
    model.zero_grad(set_to_none=True)
    return torch.cat(parts)


def window_gradient(model, base, examples, sizes, config, progress=0.5):
    batches, start = [], 0
    for size in sizes:
        batches.append(collate(examples[start : start + size], base))
        start += size
    mixture = Mixture(config, make_terms(config))
    sums = accumulate(model, Window(mixture, batches, weights=mixture.weights(progress)), base.head)
    return gradient(model), sums


def oracle_logits(targets, base, *, sharpness=60.0):
    logits = torch.zeros(len(targets.labels), len(base.tokenizer))
    logits[torch.arange(len(targets.labels)), targets.labels] = sharpness
    return logits


def test_terms_are_registered_under_the_names_of_the_mixture():
    assert tuple(LOSS_TERMS) == TERM_NAMES == tuple(MixtureConfig().terms())


def test_weights_of_one_on_the_cross_entropies_equal_the_models_own_loss(model, base, examples):
    batch = collate(examples, base)
    labels = torch.full(batch.keep.shape, -100)
    labels[:, 1:][batch.keep[:, :-1]] = batch.targets.labels
    theirs = model(**batch.inputs, labels=labels).loss
    theirs.backward()
    expected = gradient(model)
    mixture = Mixture(MixtureConfig(), TERMS)
    logits = model(**batch.inputs, logits_to_keep=batch.keep).logits
    ours, _ = mixture.loss(
        view_of_logits(logits, batch.targets),
        denominators=mixture.denominators([batch.targets]),
        weights=mixture.weights(0),
    )
    ours.backward()
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-6)
    torch.testing.assert_close(gradient(model), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("sizes", [(4, 4), (2, 2, 2, 2), (1,) * 8, (3, 3, 2)])
@pytest.mark.parametrize("name", [*TERM_NAMES, "all"])
def test_accumulation_gives_the_gradient_of_one_large_batch(model, base, examples, sizes, name):
    config = ALL_ON if name == "all" else only(**{name: 1.0})
    whole, whole_sums = window_gradient(model, base, examples, (8,), config)
    pieces, sums = window_gradient(model, base, examples, sizes, config)
    # GIoU of the row's box of 2 x 2 thousandths is steep: it magnifies the rounding of float32
    assert (pieces - whole).norm() <= (2e-5 if name in ("giou", "l1", "carry", "all") else 2e-6) * whole.norm()
    for term, part in whole_sums.items():
        assert (sums[term].total, sums[term].count) == (pytest.approx(part.total, rel=1e-5), part.count)


@pytest.mark.parametrize("name", TERM_NAMES)
def test_doubling_a_weight_adds_exactly_that_terms_gradient(model, base, examples, name):
    term = ALL_ON.terms()[name]
    doubled = ALL_ON.model_copy(update={name: term.model_copy(update={"weight": 2 * term.weight})})
    alone = only(**{name: term.weight})
    before, _ = window_gradient(model, base, examples, (8,), ALL_ON)
    after, _ = window_gradient(model, base, examples, (8,), doubled)
    its_own, _ = window_gradient(model, base, examples, (8,), alone)
    assert its_own.norm() > 0
    assert (after - before - its_own).norm() <= 1e-6 * after.norm() + 1e-5 * its_own.norm()


@pytest.mark.parametrize("name", TERM_NAMES)
def test_a_weight_of_zero_is_the_terms_absence(model, base, examples, name, monkeypatch):
    term = ALL_ON.terms()[name]
    zero = ALL_ON.model_copy(update={name: term.model_copy(update={"weight": 0.0})})
    off = ALL_ON.model_copy(update={name: term.model_copy(update={"on": False})})
    monkeypatch.setitem(LOSS_TERMS, name, lambda config: _Forbidden(TERMS[name]))
    with_zero, sums = window_gradient(model, base, examples, (8,), zero)
    without, _ = window_gradient(model, base, examples, (8,), off)
    assert name not in sums
    assert torch.equal(with_zero, without)


class _Forbidden:
    """A term that must not be computed."""

    def __init__(self, term):
        self.needs_base, self.serves, self.count, self.denominator = (
            term.needs_base,
            term.serves,
            term.count,
            term.denominator,
        )

    def total(self, view):
        raise AssertionError("a term of weight 0 was computed")


def test_the_schedule_of_a_weight_scales_its_gradient(model, base, examples):
    flat = only(text_ce=1.0)
    falling = flat.model_copy(update={"text_ce": TermConfig(shape="linear", octaves=-1)})
    early, _ = window_gradient(model, base, examples, (8,), falling, progress=0.0)
    plain, _ = window_gradient(model, base, examples, (8,), flat)
    torch.testing.assert_close(early, 1.6 * plain, atol=1e-6, rtol=1e-4)  # from 1.6 to 0.4: a quarter, mean 1


def test_the_number_token_loss_equals_the_published_package(base, examples):
    from ntloss import NTLoss

    targets = collate(examples, base).targets
    logits = torch.randn(len(targets.labels), len(base.tokenizer), generator=torch.Generator().manual_seed(0))
    oracle = NTLoss(tokenizer=base.tokenizer, vocab_size=logits.shape[1], digit_level=True, reweigh=False)
    rows = targets.digit_rows
    expected = oracle(logits[rows][None], targets.labels[rows][None])
    ours = NumberTokenLoss().total(view_of_logits(logits, targets)) / NumberTokenLoss().count(targets)
    assert ours.item() == pytest.approx(expected.item(), rel=1e-5)


def test_certain_digits_decode_to_the_written_numbers(base, examples):
    targets = collate(examples, base).targets
    view = view_of_logits(oracle_logits(targets, base), targets)
    for decoding in ("naive", "carry"):
        boxes = soft_boxes(view, decoding=decoding) * 1000
        torch.testing.assert_close(boxes, targets.boxes, atol=1e-3, rtol=0)
    assert [12.0, 345.0, 998.0, 1000.0] in targets.boxes.tolist()
    for name in ("text_ce", "box_ce", "ntl_was", "carry", "l1", "giou"):
        assert TERMS[name].total(view).item() == pytest.approx(0, abs=2e-5), name


def test_a_shift_by_one_row_breaks_the_decoding(base, examples):
    targets = collate(examples, base).targets
    view = view_of_logits(oracle_logits(targets, base).roll(1, dims=0), targets)
    assert not torch.allclose(soft_boxes(view, decoding="naive") * 1000, targets.boxes, atol=10)


def test_digits_of_captions_never_enter_the_box_terms(base):
    caption = made_record("How many?", "There are 12 shapes at (345,678).")
    targets = collate([example_of(caption, base)], base).targets
    assert (targets.digit_rows.numel(), targets.boxes.numel(), int(targets.in_box.sum())) == (0, 0, 0)


def test_a_box_that_was_cut_off_keeps_its_tokens_and_leaves_the_box_terms(base):
    cut = made_record("Where?", reference_text("x", Box(1, 2, 3, 4))[: -len("),(3,4)<|box_end|>")])
    targets = collate([example_of(cut, base)], base).targets
    assert targets.digit_rows.numel() == 0
    assert targets.labels.numel() > 3


@pytest.mark.parametrize("name", [name for name in TERM_NAMES if name != "z_loss"])
def test_a_batch_without_the_terms_positions_gives_zero_with_a_graph(base, name):
    targets = collate([example_of(made_record("Say.", "yes"), base)], base).targets
    if name in ("text_ce", "label_smoothing", "kl"):
        targets.in_box[:] = True
    logits = torch.randn(len(targets.labels), len(base.tokenizer))
    logits[:, 5] = -1e30
    logits.requires_grad_()
    loss = total(name, logits, targets)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("name", TERM_NAMES)
def test_terms_compute_in_float32_whatever_the_logits_are(base, examples, name):
    targets = collate(examples, base).targets
    logits = (3 * torch.randn(len(targets.labels), len(base.tokenizer))).bfloat16()
    low = total(name, logits, targets)
    assert low.dtype == torch.float32
    assert low.item() == pytest.approx(total(name, logits.float(), targets).item(), rel=1e-6)


@pytest.mark.parametrize("name", ["ntl_was", "carry", "l1", "giou"])
def test_terms_of_numbers_move_box_digits_and_no_other_logits(base, examples, name):
    targets = collate(examples, base).targets
    logits = torch.randn(len(targets.labels), len(base.tokenizer), requires_grad=True)
    total(name, logits, targets).backward()
    touched = logits.grad.abs().sum(dim=1) > 0
    assert touched[targets.digit_rows].float().mean() > 0.9
    assert not touched[~targets.in_box].any()
    columns = logits.grad.abs().sum(dim=0) > 0
    assert set(columns.nonzero().flatten().tolist()) == set(base.ids.digits)


corner = st.integers(min_value=0, max_value=30)


@given(st.lists(st.tuples(corner, corner, corner, corner), min_size=2, max_size=2))
@settings(max_examples=200, deadline=None)
def test_giou_equals_counting_cells(boxes):
    boxes = [(min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1) for a, b, c, d in boxes]
    cells = [{(x, y) for x in range(x1, x2) for y in range(y1, y2)} for x1, y1, x2, y2 in boxes]
    hull = (max(b[2] for b in boxes) - min(b[0] for b in boxes)) * (max(b[3] for b in boxes) - min(b[1] for b in boxes))
    union = len(cells[0] | cells[1])
    expected = Fraction(len(cells[0] & cells[1]), union) - Fraction(hull - union, hull)
    first, second = (torch.tensor([box], dtype=torch.float32) / 1000 for box in boxes)
    assert giou(first, second).item() == pytest.approx(float(expected), abs=1e-5)


def test_crossed_corners_are_sorted_before_giou():
    crossed = torch.tensor([[0.8, 0.9, 0.2, 0.1]], requires_grad=True)
    true = torch.tensor([[0.2, 0.1, 0.8, 0.9]])
    value = giou(sort_corners(crossed), true)
    value.sum().backward()
    assert value.item() == pytest.approx(1, abs=1e-5)
    assert torch.isfinite(crossed.grad).all()


@pytest.mark.parametrize("box", [[0.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.5, 0.9], [1.1, 1.1, 1.2, 1.2]])
def test_giou_is_finite_for_degenerate_predictions(box):
    predicted = torch.tensor([box], requires_grad=True)
    value = giou(sort_corners(predicted), torch.tensor([[0.2, 0.1, 0.8, 0.9]]))
    value.sum().backward()
    assert -1 <= value.item() <= 1
    assert torch.isfinite(predicted.grad).all()


@given(st.floats(0, 0.5), st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_label_smoothing_beside_cross_entropy_equals_torch(base, smoothing, seed):
    targets = collate([example_of(made_record("What?", "a red circle"), base)], base).targets
    logits = torch.randn((len(targets.labels), 50), generator=torch.Generator().manual_seed(seed))
    labels = targets.labels % 50
    view = view_of_logits(logits, dataclasses.replace(targets, labels=labels))
    ours = TERMS["text_ce"].total(view) + smoothing * TERMS["label_smoothing"].total(view)
    theirs = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="sum")
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)


def test_the_z_loss_equals_its_formula(base, examples):
    targets = collate(examples, base).targets
    logits = torch.randn(len(targets.labels), 90)
    expected = sum(math.log(sum(math.exp(value) for value in row)) ** 2 for row in logits.tolist())
    assert total("z_loss", logits, targets).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("divergence", ["forward", "reverse"])
def test_the_divergence_from_the_base_equals_torch_distributions(base, examples, divergence):
    targets = collate(examples, base).targets
    view = view_of(torch.randn(len(targets.labels), 80), targets)
    text = ~targets.in_box
    own, other = (torch.distributions.Categorical(logits=part[text]) for part in (view.states, view.base_states))
    first, second = (other, own) if divergence == "forward" else (own, other)
    expected = torch.distributions.kl_divergence(first, second).sum()
    assert KlToBase(divergence=divergence).total(view).item() == pytest.approx(expected.item(), rel=1e-4)


def test_the_divergence_from_the_base_is_zero_for_an_untrained_adapter(base, examples):
    adapted = attach_adapter(base, AdapterConfig(rank=4), seed=1)
    _, sums = window_gradient(adapted, base, examples, (8,), only(kl=1.0))
    detach_adapter(adapted)
    assert sums["kl"].total == pytest.approx(0, abs=1e-5)


def test_soft_labels_approach_cross_entropy_as_they_narrow(base, examples):
    targets = collate(examples, base).targets
    logits = torch.randn(len(targets.labels), len(base.tokenizer))
    narrow = SoftDigitLabels(tau=1e-3).total(view_of_logits(logits, targets))
    rows = targets.digit_rows
    expected = torch.nn.functional.cross_entropy(logits[rows], targets.labels[rows], reduction="sum")
    assert narrow.item() == pytest.approx(expected.item(), rel=1e-5)


def test_soft_labels_forgive_a_near_digit_and_not_a_far_one(base):
    record = made_record("Where?", reference_text("x", Box(500, 500, 600, 600)))
    targets = collate([example_of(record, base)], base).targets

    def certain_of(digit):
        logits = oracle_logits(targets, base, sharpness=8.0)
        first = targets.digit_rows[0]
        logits[first] = 0
        logits[first, base.ids.digits[digit]] = 8.0
        return SoftDigitLabels(tau=1.0).total(view_of_logits(logits, targets)).item()

    assert certain_of(4) == pytest.approx(certain_of(6))
    assert certain_of(5) < certain_of(4) < certain_of(9)


@given(st.integers(0, 999), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_the_carry_losses_bracket_the_exact_expected_error(base, number, seed):
    """Compare with models that go uniformly, and as far as they can, once they have left the true digits."""
    record = made_record("Where?", reference_text("x", Box(number, 1, number + 1, 2)))
    targets = collate([example_of(record, base)], base).targets
    logits = 2 * torch.randn((len(targets.labels), len(base.tokenizer)), generator=torch.Generator().manual_seed(seed))
    view = view_of_logits(logits, targets)
    digits = [int(digit) for digit in str(number)]
    mine = targets.digit_corners == 0
    q = logits[targets.digit_rows[mine]][:, list(base.ids.digits)].double().softmax(dim=-1)
    found = branches(view, bound="lower")
    lower = (found.probability * found.distance)[0].sum().item()
    mid = branches(view, bound="mid")
    middle = (mid.probability * mid.distance)[0].sum().item()
    farthest = 2 * middle - lower
    assert farthest == pytest.approx(expected_error(q, digits, max), rel=1e-4, abs=1e-3)
    assert lower - 1e-3 <= expected_error(q, digits, fmean) <= farthest + 1e-3


def expected_error(q, digits, error_once_off):
    """Give the exact expected error of a digit model, from its error over the numbers that a wrong digit leads to."""
    true, total_error, stays = int("".join(map(str, digits))), 0.0, 1.0
    for place, digit in enumerate(digits):
        width = 10 ** (len(digits) - 1 - place)
        prefix = true // (10 * width) * 10
        for other in range(10):
            if other != digit:
                reached = range((prefix + other) * width, (prefix + other + 1) * width)
                total_error += stays * q[place, other].item() * error_once_off([abs(value - true) for value in reached])
        stays *= q[place, digit].item()
    return total_error


def test_the_carry_loss_of_one_digit_is_ntl_was(base):
    record = made_record("Where?", reference_text("x", Box(1, 2, 3, 4)))
    targets = collate([example_of(record, base)], base).targets
    logits = torch.randn(len(targets.labels), len(base.tokenizer))
    carry = total("carry", logits, targets)
    assert 1000 * carry.item() == pytest.approx(total("ntl_was", logits, targets).item(), rel=1e-5)


def test_carried_coordinates_have_no_jump_at_a_carry(base):
    """Certain of 499 where 500 is true: naive decoding reads 4 and then, teacher forced, the digits of 500."""
    record = made_record("Where?", reference_text("x", Box(500, 1, 900, 999)))
    targets = collate([example_of(record, base)], base).targets
    logits = oracle_logits(targets, base)
    first = targets.digit_rows[0]
    logits[first] = 0
    logits[first, base.ids.digits[4]] = 60.0
    view = view_of_logits(logits, targets)
    assert 1000 * soft_boxes(view, decoding="naive")[0, 0].item() == pytest.approx(400)
    assert 1000 * soft_boxes(view, decoding="carry")[0, 0].item() == pytest.approx(499)
