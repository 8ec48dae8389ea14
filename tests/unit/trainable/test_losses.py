import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rows import example_of, made_record, mixed_records

from spaces import TERM_NAMES, AdapterConfig, MixtureConfig, TermConfig
from trainable.boxes import Box
from trainable.data.collate import collate
from trainable.losses import LOSS_TERMS, Mixture
from trainable.losses.box import SoftGIoU, giou, soft_boxes, sort_corners
from trainable.losses.ntl import NumberTokenLoss
from trainable.markup import reference_text
from trainable.model.adapter import attach_adapter, detach_adapter
from trainable.trial import accumulate

ALL_ON = MixtureConfig(**{name: TermConfig(weight=w) for name, w in zip(TERM_NAMES, (1, 0.7, 0.3, 0.2), strict=True)})


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
    sums = accumulate(model, Mixture(config, LOSS_TERMS), batches, progress=progress)
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
    mixture = Mixture(MixtureConfig(), LOSS_TERMS)
    logits = model(**batch.inputs, logits_to_keep=batch.keep).logits
    ours, _ = mixture.loss(logits, batch.targets, denominators=mixture.denominators([batch.targets]), progress=0.5)
    ours.backward()
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-6)
    torch.testing.assert_close(gradient(model), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("sizes", [(4, 4), (2, 2, 2, 2), (1,) * 8, (3, 3, 2)])
@pytest.mark.parametrize("name", [*TERM_NAMES, "all"])
def test_accumulation_gives_the_gradient_of_one_large_batch(model, base, examples, sizes, name):
    config = ALL_ON if name == "all" else MixtureConfig(**{t: TermConfig(on=t == name) for t in TERM_NAMES})
    whole, whole_sums = window_gradient(model, base, examples, (8,), config)
    pieces, sums = window_gradient(model, base, examples, sizes, config)
    # GIoU of the row's box of 2 x 2 thousandths is steep: it magnifies the rounding of float32
    assert (pieces - whole).norm() <= (2e-5 if name in ("giou", "all") else 2e-6) * whole.norm()
    for term, part in whole_sums.items():
        assert (sums[term].total, sums[term].count) == (pytest.approx(part.total, rel=1e-5), part.count)


@pytest.mark.parametrize("name", TERM_NAMES)
def test_doubling_a_weight_adds_exactly_that_terms_gradient(model, base, examples, name):
    term = ALL_ON.terms()[name]
    doubled = ALL_ON.model_copy(update={name: term.model_copy(update={"weight": 2 * term.weight})})
    alone = MixtureConfig(**{t: TermConfig(on=t == name, weight=term.weight) for t in TERM_NAMES})
    before, _ = window_gradient(model, base, examples, (8,), ALL_ON)
    after, _ = window_gradient(model, base, examples, (8,), doubled)
    only, _ = window_gradient(model, base, examples, (8,), alone)
    assert only.norm() > 0
    torch.testing.assert_close(after - before, only, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("name", TERM_NAMES)
def test_a_weight_of_zero_is_the_terms_absence(model, base, examples, name, monkeypatch):
    zero = ALL_ON.model_copy(update={name: TermConfig(weight=0)})
    off = ALL_ON.model_copy(update={name: TermConfig(on=False)})
    monkeypatch.setattr(type(LOSS_TERMS[name]), "total", _fail_on(LOSS_TERMS[name]))
    with_zero, sums = window_gradient(model, base, examples, (8,), zero)
    without, _ = window_gradient(model, base, examples, (8,), off)
    assert name not in sums
    assert torch.equal(with_zero, without)


def _fail_on(term):
    original = type(term).total

    def total(self, logits, targets):
        assert self is not term, "a term of weight 0 was computed"
        return original(self, logits, targets)

    return total


def test_the_schedule_of_a_weight_scales_its_gradient(model, base, examples):
    falling = MixtureConfig(text_ce=TermConfig(shape="linear", octaves=-1), box_ce=TermConfig(on=False))
    flat = MixtureConfig(box_ce=TermConfig(on=False))
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
    ours = NumberTokenLoss().total(logits, targets) / NumberTokenLoss().count(targets)
    assert ours.item() == pytest.approx(expected.item(), rel=1e-5)


def test_certain_digits_decode_to_the_written_numbers(base, examples):
    targets = collate(examples, base).targets
    boxes = soft_boxes(oracle_logits(targets, base), targets) * 1000
    torch.testing.assert_close(boxes, targets.boxes_1000, atol=1e-3, rtol=0)
    assert [12.0, 345.0, 998.0, 1000.0] in targets.boxes_1000.tolist()
    for name, term in LOSS_TERMS.items():
        assert term.total(oracle_logits(targets, base), targets).item() == pytest.approx(0, abs=2e-5), name


def test_a_shift_by_one_row_breaks_the_decoding(base, examples):
    targets = collate(examples, base).targets
    shifted = oracle_logits(targets, base).roll(1, dims=0)
    assert not torch.allclose(soft_boxes(shifted, targets) * 1000, targets.boxes_1000, atol=10)


def test_digits_of_captions_never_enter_the_box_terms(base):
    caption = made_record("How many?", "There are 12 shapes at (345,678).")
    targets = collate([example_of(caption, base)], base).targets
    assert (targets.digit_rows.numel(), targets.boxes_1000.numel(), int(targets.in_box.sum())) == (0, 0, 0)


def test_a_box_that_was_cut_off_keeps_its_tokens_and_leaves_the_box_terms(base):
    cut = made_record("Where?", reference_text("x", Box(1, 2, 3, 4))[: -len("),(3,4)<|box_end|>")])
    targets = collate([example_of(cut, base)], base).targets
    assert targets.digit_rows.numel() == 0
    assert targets.labels.numel() > 3


@pytest.mark.parametrize("name", TERM_NAMES)
def test_a_batch_without_the_terms_positions_gives_zero_with_a_graph(base, name):
    record = made_record("Say.", "yes") if name != "text_ce" else made_record("Say.", "yes", colour=None)
    targets = collate([example_of(record, base)], base).targets
    if name == "text_ce":
        targets.in_box[:] = True
    logits = torch.randn(len(targets.labels), len(base.tokenizer))
    logits[:, 5] = -math.inf
    logits.requires_grad_()
    total = LOSS_TERMS[name].total(logits, targets)
    total.backward()
    assert total.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("name", TERM_NAMES)
def test_terms_compute_in_float32_whatever_the_logits_are(base, examples, name):
    targets = collate(examples, base).targets
    logits = (3 * torch.randn(len(targets.labels), len(base.tokenizer))).bfloat16()
    low = LOSS_TERMS[name].total(logits, targets)
    assert low.dtype == torch.float32
    assert low.item() == pytest.approx(LOSS_TERMS[name].total(logits.float(), targets).item(), rel=1e-6)


def test_giou_moves_box_digits_and_no_other_logits(base, examples):
    targets = collate(examples, base).targets
    logits = torch.randn(len(targets.labels), len(base.tokenizer), requires_grad=True)
    SoftGIoU().total(logits, targets).backward()
    touched = logits.grad.abs().sum(dim=1) > 0
    assert touched[targets.digit_rows].all()
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
