"""Amounts of disk space as a person writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator

_UNITS: Mapping[str, int] = {
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("kMGT", start=1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", start=1)},
    "KB": 1000,
}


def _bytes(value: object) -> object:
    """Read ``20GB``, ``500MB`` or ``1.5 GiB``; leave anything else to the field."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([A-Za-z]+)", value.strip())
    if not match or match[2] not in _UNITS:
        raise ValueError(f"got {value!r}; expected a size such as 20GB, 500MB or 1.5GiB, or a number of bytes")
    return int(float(match[1]) * _UNITS[match[2]])


ByteSize = Annotated[int | None, BeforeValidator(_bytes)]
"""Bytes, or a text such as ``20GB``; ``None`` for no limit."""
