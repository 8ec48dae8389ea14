import hashlib

import pytest
import torch

from spaces import AdapterConfig
from trainable.errors import ModelError
from trainable.model import adapter as adapter_module
from trainable.model.adapter import attach_adapter, detach_adapter


def fingerprint(model):
    whole = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        whole.update(name.encode() + value.float().numpy().tobytes())
    return whole.hexdigest()


@pytest.mark.parametrize(("targets", "linears"), [("attention", 4), ("mlp", 3), ("all", 7)])
def test_each_layer_of_the_language_model_gets_its_adapters(base, targets, linears):
    model = attach_adapter(base, AdapterConfig(rank=2, targets=targets), seed=0)
    names = [name for name, value in model.named_parameters() if value.requires_grad]
    detach_adapter(model)
    assert len(names) == 2 * linears * base.model.config.get_text_config().num_hidden_layers
    assert all(".language_model.layers." in name and ".lora_" in name for name in names)


def test_nothing_of_the_vision_tower_is_trainable(base):
    model = attach_adapter(base, AdapterConfig(), seed=0)
    assert not any("visual" in name for name, value in model.named_parameters() if value.requires_grad)
    detach_adapter(model)


def test_a_pattern_that_reaches_the_vision_tower_is_refused_and_leaves_the_base_clean(base, monkeypatch):
    before = fingerprint(base.model)
    monkeypatch.setattr(adapter_module, "target_regex", lambda _, **__: "all-linear")
    with pytest.raises(ModelError, match="only adapters of the language model may be trained; found"):
        attach_adapter(base, AdapterConfig(), seed=0)
    assert fingerprint(base.model) == before


def test_the_base_is_bitwise_the_same_after_an_adapter_was_trained(base):
    before = fingerprint(base.model)
    model = attach_adapter(base, AdapterConfig(dropout=0.1), seed=0)
    for value in model.parameters():
        if value.requires_grad:
            value.data.add_(0.1)
    detach_adapter(model)
    assert fingerprint(base.model) == before
    assert not any(value.requires_grad for value in base.model.parameters())


def test_the_same_seed_gives_the_same_adapter_whatever_ran_before(base):
    def first_weights():
        model = attach_adapter(base, AdapterConfig(rank=4), seed=5)
        values = [value.detach().clone() for name, value in model.named_parameters() if "lora_A" in name]
        detach_adapter(model)
        return torch.cat([value.flatten() for value in values])

    first = first_weights()
    torch.rand(1000)
    assert torch.equal(first_weights(), first)


@pytest.mark.parametrize(("stabilised", "scale"), [(False, 3.0), (True, 6.0)])
def test_alpha_ratio_is_the_scale_of_the_adapter(base, stabilised, scale):
    config = AdapterConfig(rank=4, alpha_ratio=3.0, rank_stabilised=stabilised)
    model = attach_adapter(base, config, seed=0)
    scales = {module.scaling["default"] for module in model.modules() if hasattr(module, "lora_A")}
    detach_adapter(model)
    assert scales == {scale}  # alpha is 12: 12 / 4, and 12 / sqrt(4) where stabilised
