"""Going through the vocabulary in parts gives what the whole of the logits gives."""

import pytest
import torch

from trainable.model import head as head_module
from trainable.model.head import Head, normalised

VOCABULARY, WIDTH, ROWS = 700, 24, 9


@pytest.fixture(params=[1, 64, 100_000], ids=["many parts", "some", "one"])
def parts(request, monkeypatch):
    monkeypatch.setattr(head_module, "_FEWEST_TOKENS", request.param)
    monkeypatch.setitem(head_module._HELD, "cpu", 50 * ROWS)


def made(*, scale=1.0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(VOCABULARY, WIDTH, generator=generator).to(dtype)
    states = (scale * torch.randn(ROWS, WIDTH, generator=generator)).to(dtype)
    return states, weight, torch.randint(VOCABULARY, (ROWS,), generator=generator)


def gradient_of(states, loss):
    (found,) = torch.autograd.grad(loss, states)
    return found


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("scale", [0.1, 1.0, 20.0])
def test_values_and_gradient_are_those_of_log_softmax_in_double_precision(scale):
    states, weight, labels = made(scale=scale)
    states.requires_grad_()
    found = normalised(states, Head(weight), labels)
    exact = states.detach().double().requires_grad_()
    logits = exact @ weight.double().t()
    losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    torch.testing.assert_close(found.cross_entropies.double(), losses, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(found.log_normalisers.double(), logits.logsumexp(1), rtol=1e-6, atol=1e-5)
    assert found.is_best.tolist() == (logits.argmax(1) == labels).tolist()
    weights = torch.linspace(-1, 2, ROWS)

    def of(entropies, normalisers):
        return (weights * entropies).sum() + 0.01 * normalisers.square().sum()

    ours = gradient_of(states, of(found.cross_entropies, found.log_normalisers)).double()
    theirs = gradient_of(exact, of(losses, logits.logsumexp(1)))
    assert (ours - theirs).norm() < 1e-5 * theirs.norm()


@pytest.mark.usefixtures("parts")
def test_a_sure_answer_costs_what_it_costs_to_the_last_digits():
    weight = torch.eye(VOCABULARY, WIDTH)
    states = torch.zeros(2, WIDTH)
    states[0, 5], states[1, 23] = 18.0, 12.0
    found = normalised(states, Head(weight), torch.tensor([5, 23])).cross_entropies
    expected = torch.log1p((VOCABULARY - 1) * torch.exp(torch.tensor([-18.0, -12.0], dtype=torch.float64)))
    torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1.5e-7)


@pytest.mark.usefixtures("parts")
def test_in_bfloat16_it_is_what_the_models_own_head_gives():
    states, weight, labels = made(dtype=torch.bfloat16)
    logits = torch.nn.functional.linear(states, weight).float()
    found = normalised(states, Head(weight), labels)
    expected = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    torch.testing.assert_close(found.cross_entropies, expected, rtol=1e-5, atol=1e-5)
    assert (found.cross_entropies >= 0).all()


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_what_is_not_finite_stays_in_its_row(value):
    states, weight, labels = made()
    expected = normalised(states, Head(weight), labels).cross_entropies
    states[4, 7] = value
    states.requires_grad_()
    found = normalised(states, Head(weight), labels).cross_entropies
    others = [row for row in range(ROWS) if row != 4]
    assert not torch.isfinite(found[4])
    assert torch.equal(found[others], expected[others])
    gradient = gradient_of(states, found[others].sum())
    assert torch.isfinite(gradient[others]).all()


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 40])
def test_the_best_token_has_the_largest_logit(rows):
    _, weight, _ = made()
    states = torch.randn(rows, WIDTH, generator=torch.Generator().manual_seed(rows))
    assert Head(weight).best(states).tolist() == (states @ weight.t()).argmax(dim=1).tolist()


def test_the_mean_row_gives_the_mean_logit():
    states, weight, _ = made()
    torch.testing.assert_close(states @ Head(weight).mean, (states @ weight.t()).mean(dim=1), rtol=1e-4, atol=1e-5)
