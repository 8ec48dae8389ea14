import pytest
import torch
from made_rows import example_of, mixed_records

from spaces import AdapterConfig
from trainable.data.collate import collate
from trainable.model.adapter import attach_adapter, detach_adapter, fresh_factors
from trainable.packing import useful_size
from trainable.packing.generators import OwnGenerators
from trainable.packing.linear import Route, evaluated, routed

CPU = torch.device("cpu")


def adapters():
    return AdapterConfig(rank=4), AdapterConfig(rank=2, targets="attention", rank_stabilised=True, alpha_ratio=3.0)


def trained(model_or_factors):
    """Give an adapter's parameters values that depend on their place alone."""
    generator = torch.Generator().manual_seed(1)
    for value in model_or_factors:
        value.data.copy_(torch.randn(value.shape, generator=generator) * 0.1)


@pytest.mark.parametrize("config", [*adapters(), AdapterConfig(rank=3, targets="mlp", dropout=0.1)], ids=str)
def test_fresh_factors_are_peft_s_own_in_their_order(base, config):
    factors = fresh_factors(base, config, seed=5)
    own = [value for pair in factors.values() for value in (pair.down, pair.up)]
    model = attach_adapter(base, config, seed=5)
    named = [(name, value) for name, value in model.named_parameters() if value.requires_grad]
    detach_adapter(model)
    assert [name.split(".lora_")[0].removeprefix("base_model.model.") for name, _ in named[::2]] == list(factors)
    assert len(own) == len(named)
    assert all(torch.equal(value, other) for value, (_, other) in zip(own, named, strict=True))
    assert all(value.requires_grad for value in own)
    assert not any("lora" in name for name, _ in base.model.named_modules())


def solo_logits(base, config, batch):
    model = attach_adapter(base, config, seed=0).eval()
    trained([value for value in model.parameters() if value.requires_grad])
    with torch.no_grad():
        logits = model(**batch.inputs, logits_to_keep=batch.keep).logits
    detach_adapter(model)
    return logits


def test_rows_of_one_pass_see_only_their_own_adapter(base):
    examples = [example_of(record, base) for record in mixed_records()]
    parts, routes, expected = (examples[:2], examples[2:]), [], []
    for config, part in zip(adapters(), parts, strict=True):
        batch = collate(part, base)
        expected.append(solo_logits(base, config, batch))
        factors = fresh_factors(base, config, seed=0)
        trained([value for pair in factors.values() for value in (pair.down, pair.up)])
        routes.append(Route(factors, *batch.keep.shape, 0.0, OwnGenerators(CPU, seed=0)))
    batch = collate(examples, base)
    with torch.no_grad(), routed(base.model, routes):
        logits = base.model(**batch.inputs, logits_to_keep=batch.keep).logits
    torch.testing.assert_close(logits, torch.cat(expected), atol=1e-4, rtol=1e-5)
    with torch.no_grad(), evaluated(base.model, routes[1].factors):
        own = collate(parts[1], base)
        logits = base.model(**own.inputs, logits_to_keep=own.keep).logits
        torch.testing.assert_close(logits, expected[1], atol=1e-4, rtol=1e-5)


def test_the_base_has_its_own_layers_again_after_a_pass_that_failed(base):
    factors = fresh_factors(base, AdapterConfig(rank=2), seed=0)
    layers = list(base.model.modules())
    route = Route(factors, 1, 1, 0.0, OwnGenerators(CPU, seed=0))
    with pytest.raises(KeyError), routed(base.model, [route]):
        assert list(base.model.modules()) != layers
        raise KeyError
    assert list(base.model.modules()) == layers
    assert not base.model.training


def test_own_generators_draw_what_the_global_one_would_and_leave_it_alone():
    torch.manual_seed(4)
    expected = torch.rand(6)
    torch.manual_seed(9)
    outside = torch.get_rng_state()
    own = OwnGenerators(CPU, seed=4)
    drawn = []
    for _ in range(2):
        with own.swapped_in():
            drawn.append(torch.rand(3))
    assert torch.equal(torch.cat(drawn), expected)
    assert torch.equal(torch.get_rng_state(), outside)


@pytest.mark.parametrize(
    ("rates", "size"),
    [
        ({}, 1),
        ({1: 10.0}, 1),
        ({1: 10.0, 2: 10.5, 4: 10.9, 8: 10.9}, 1),  # gains less than a tenth
        ({1: 10.0, 2: 11.0}, 2),
        ({1: 10.0, 2: 19.0, 4: 20.0, 8: 19.9}, 2),  # as good as the best
        ({1: 10.0, 2: 18.9, 4: 20.0, 8: 20.5}, 4),
        ({1: 10.0, 2: 18.0, 4: 15.0}, 2),
    ],
)
def test_the_smallest_pack_that_is_nearly_the_best_is_chosen_if_packing_is_worth_it(rates, size):
    assert useful_size(rates) == size
