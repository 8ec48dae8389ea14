"""Published settings of the loss mixture, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from spaces.domains import Scalar

PresetName = Literal["plain", "ntl", "dist2"]

PRESETS: Mapping[PresetName, Mapping[str, Scalar]] = {
    "plain": {},
    "ntl": {"mixture.ntl_was.on": True, "mixture.ntl_was.weight": 0.3},
    "dist2": {"mixture.soft_label.on": True, "mixture.soft_label.weight": 0.1, "mixture.soft_label.tau": 1.0},
}
"""What each changes of plain cross entropy without a curriculum.

References:
    ``ntl``: Zausinger, Pennig et al., ICML 2025, arXiv 2411.02083, weight 0.3. ``dist2``: Chung et al., 2025, arXiv
    2503.02379, weight 0.1 and tau 1.

"""
