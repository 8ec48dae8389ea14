"""The fused layer is PEFT's."""

import pytest
import torch
from peft.tuners.lora import Linear as LoraLinear

from spaces import AdapterConfig, ModelConfig
from trainable.model.adapter import attach_adapter, detach_adapter
from trainable.model.load import load_base
from trainable.model.lora import FusedLora


def layers_of(base, **settings):
    """Attach an adapter that is not at its start; give some of its layers: with and without a bias."""
    model = attach_adapter(base, AdapterConfig(rank=4, **settings), seed=0)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for value in model.parameters():
            if value.requires_grad:
                value.add_(0.05 * torch.randn(value.shape, generator=generator))
    layer = model.get_base_model().model.language_model.layers[1]
    return model, [layer.self_attn.q_proj, layer.self_attn.o_proj, layer.mlp.down_proj]


def outcome(layer, x, *, forward):
    """Give output and all gradients."""
    torch.manual_seed(4)
    x = x.clone().requires_grad_()
    out = forward(layer, x)
    factors = [layer.lora_A["default"].weight, layer.lora_B["default"].weight]
    direction = torch.linspace(-1, 1, out.numel()).view(out.shape).to(out.dtype)
    return [out.detach(), *torch.autograd.grad((out * direction).sum(), [x, *factors])]


@pytest.mark.parametrize("settings", [{}, {"rank_stabilised": True}, {"init": "orthogonal"}])
def test_output_and_gradients_are_those_of_peft(base, settings):
    model, layers = layers_of(base, **settings)
    for layer in layers:
        assert type(layer) is FusedLora
        x = torch.randn(3, 5, layer.in_features, generator=torch.Generator().manual_seed(1))
        ours = outcome(layer, x, forward=lambda own, given: own(given))
        theirs = outcome(layer, x, forward=LoraLinear.forward)
        for one, other in zip(ours, theirs, strict=True):
            assert one.shape == other.shape
            assert (one - other).norm() < 1e-5 * other.norm()
    detach_adapter(model)


def test_the_input_gets_no_gradient_that_nobody_asked_for(base):
    model, (layer, *_) = layers_of(base)
    out = layer(torch.ones(2, layer.in_features))
    out.sum().backward()
    assert layer.lora_B["default"].weight.grad.abs().sum() > 0
    assert layer.base_layer.weight.grad is None
    detach_adapter(model)


@pytest.mark.parametrize("case", ["dropout", "off", "bfloat16"])
def test_other_cases_are_left_to_peft_bit_by_bit(base, case):
    own = load_base(ModelConfig(dtype="bfloat16")) if case == "bfloat16" else base
    model, layers = layers_of(own, dropout=0.2 if case == "dropout" else 0.0)
    if case == "off":
        model.base_model.disable_adapter_layers()
    for layer in layers:
        x = torch.randn(3, 5, layer.in_features).to(own.model.dtype)
        found = []
        for forward in (lambda own, given: own(given), LoraLinear.forward):
            torch.manual_seed(4)
            found.append(forward(layer, x))
        assert torch.equal(*found)
    detach_adapter(model)
