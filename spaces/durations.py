"""Durations as a person writes them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator

_UNITS_S: Mapping[str, float] = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}


def _seconds(value: object) -> object:
    """Read ``8h``, ``1h30m`` or ``45s``; leave anything else to the field."""
    if not isinstance(value, str):
        return value
    parts = re.findall(r"(\d+(?:\.\d+)?)([dhms])", value)
    if not parts or "".join(number + unit for number, unit in parts) != value.replace(" ", ""):
        raise ValueError(f"got {value!r}; expected a duration such as 8h, 1h30m or 45s, or a number of seconds")
    return math.fsum(float(number) * _UNITS_S[unit] for number, unit in parts)


Duration = Annotated[float | None, BeforeValidator(_seconds)]
"""Seconds, or a text such as ``1h30m``; ``None`` for no limit."""
