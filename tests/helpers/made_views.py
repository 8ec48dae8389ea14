"""Views of supervised positions whose logits a test has chosen."""

import torch

from trainable.losses import TokenView
from trainable.model.head import Head


def view_of_logits(logits, targets, base_logits=None):
    """Give a view whose head leaves states as they are, so that they are the logits."""
    base_states = None if base_logits is None else base_logits.to(logits.dtype)
    return TokenView(logits, Head(torch.eye(logits.shape[1], dtype=logits.dtype)), targets, base_states)
