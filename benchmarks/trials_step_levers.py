"""What is spared inside a pass through the model, each alone: the same work with it and without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor
from torch.nn.functional import cross_entropy, linear
from trials_pairs import Pair, batches, in_turns, kept

from spaces import TrialConfig
from trainable.data.collate import Batch
from trainable.evaluation.answers import forced_and_generated
from trainable.evaluation.evaluate import teacher_forced
from trainable.evaluation.generate import generate_answers
from trainable.host import Host
from trainable.losses import Mixture, make_terms
from trainable.model import supervised
from trainable.model.adapter import attach_adapter, detach_adapter, merged
from trainable.model.head import normalised
from trainable.model.lora import FusedLora
from trainable.model.supervised import supervised_states
from trainable.trial import accumulate
from trainable.window import Window

_A_BATCH = "forward and backward pass of a batch"


def streamed_vocabulary(config: TrialConfig, host: Host) -> Pair:
    """Compare the loss from parts of the vocabulary with the loss from all logits of the same positions."""
    model, head = attach_adapter(host.base, config.adapter, seed=0), host.base.head
    drawn = [kept(records, host) for records in batches(config, host)]
    with torch.no_grad():
        states = [supervised_states(model, batch) for batch in drawn]

    def ours(place: int) -> None:
        given = states[place].requires_grad_()
        normalised(given, head, drawn[place].targets.labels).cross_entropies.sum().backward()

    def whole(place: int) -> None:
        given = states[place].requires_grad_()
        logits: Tensor = linear(given, head.weight)
        cross_entropy(logits, drawn[place].targets.labels, reduction="sum").backward()

    found = in_turns(ours, whole, list(range(len(drawn))))
    detach_adapter(model)
    return Pair("loss of a batch and its gradient, from the last layer's states", *found)


def fused_adapter(config: TrialConfig, host: Host) -> Pair:
    """Compare the fused layer with PEFT's."""
    return _patched(config, host, lambda: _set(FusedLora, "forward", LoraLinear.forward))


def narrowed_layer(config: TrialConfig, host: Host) -> Pair:
    """Compare a last layer at supervised positions with one at all of them."""
    return _patched(config, host, lambda: _set(supervised, "_can_narrow", lambda *_: False))


def shared_prompts(config: TrialConfig, host: Host) -> Pair:
    """Compare answers that go on from the pass over the true ones with two passes over the prompts."""
    model = attach_adapter(host.base, config.adapter, seed=0).eval()
    rows, size = host.search_rows(config.training.final_rows), config.training.eval_batch
    longest, examples = config.training.max_new_tokens, [row.example for row in rows]

    def ours(_: int) -> None:
        for start in range(0, len(rows), size):
            view, _answers = forced_and_generated(
                model, host.base, examples[start : start + size], max_new_tokens=longest
            )
            view.cross_entropies.sum()

    def apart(_: int) -> None:
        generate_answers(model, host.base, examples, batch=size, max_new_tokens=longest)
        teacher_forced(model, host.base, rows, batch=size)

    with merged(model):
        found = in_turns(ours, apart, list(range(3)))
    detach_adapter(model)
    return Pair("answers and losses of the rows of a report", *found)


STEP_LEVERS: Mapping[str, Callable[[TrialConfig, Host], Pair]] = {
    "vocabulary gone through in parts": streamed_vocabulary,
    "adapter inside the products": fused_adapter,
    "last layer where supervised": narrowed_layer,
    "generation from the pass over true answers": shared_prompts,
}


def _patched(config: TrialConfig, host: Host, without: Callable[[], Any]) -> Pair:
    """Compare a pass with the same, while something is replaced."""
    model = attach_adapter(host.base, config.adapter, seed=0)
    mixture = Mixture(config.mixture, make_terms(config.mixture))

    def ours(batch: Batch) -> None:
        accumulate(model, Window(mixture, [batch], weights=mixture.weights(0.5)), host.base.head)

    def plain(batch: Batch) -> None:
        with without():
            ours(batch)

    found = in_turns(ours, plain, [kept(records, host) for records in batches(config, host)])
    detach_adapter(model)
    return Pair(_A_BATCH, *found)


@contextmanager
def _set(owner: Any, name: str, value: Any) -> Iterator[None]:
    own = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, own)
