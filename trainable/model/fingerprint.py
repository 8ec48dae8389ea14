"""What a base's weights are, in one short text: equal texts before and after a trial say that it left them alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

_ADAPTER = re.compile(r"\.lora_|\.adapter_")
_WRAPPING = re.compile(r"^base_model\.model\.|(?<=\.)base_layer\.")
_COLUMNS = 1024
_WORD = 8
"""Bytes that are read as one integer: sums of 64-bit integers need no conversion, so they take what reading takes."""


def fingerprint(model: Any, *, below: str = "") -> str:
    """Sum up the bits of every weight of a base, whether or not an adapter lies on it.

    The sums of rows and columns of each tensor's bits, as integers, are hashed (SHA-256) with its name, shape and
    dtype. They are exact and are taken where the tensor lies, so that a GPU's weights need not be copied. Any single
    change alters the text; it is no protection against somebody who wants it unaltered.

    Args:
        model: The base, or a PEFT model around it.
        below: Only weights whose name starts so.

    Returns:
        64 hexadecimal digits.

    """
    digest = hashlib.sha256()
    for name, value in sorted(_own(model)):
        if name.startswith(below):
            digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
            for sums in _sums(value.detach()):
                digest.update(sums.cpu().numpy().tobytes())
    return digest.hexdigest()


def _own(model: Any) -> Iterable[tuple[str, Tensor]]:
    """Give the weights and buffers that are not an adapter's, by the names that they have without one."""
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        if not _ADAPTER.search(name):
            yield _WRAPPING.sub("", name), value


def _sums(value: Tensor) -> tuple[Tensor, Tensor]:
    """Sum rows and columns of a tensor's bits as 64-bit integers; overflow wraps."""
    flat, per_word = value.contiguous().view(-1), _WORD // value.element_size()
    if flat.storage_offset() % per_word:
        flat = flat.clone()  # words must start where memory's do
    words = flat[: len(flat) // per_word * per_word].view(torch.int64)
    whole = words[: len(words) // _COLUMNS * _COLUMNS].view(-1, _COLUMNS)
    last = flat[len(words) * per_word :].view(torch.uint8).to(torch.int64)
    return torch.cat([whole.sum(dim=1), words[whole.numel() :], last]), whole.sum(dim=0)
