"""Which share of the training rows may be drawn when."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Pacing = Literal["none", "linear", "root"]
Difficulty = Literal["box_area", "random"]


class CurriculumConfig(BaseModel):
    """Pacing over grounding rows sorted from easy to hard (Bengio et al. 2009; Wu et al. 2021, arXiv 2012.03107)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pacing: Pacing = Field(default="none", description="curve of the share of rows that may be drawn")
    difficulty: Difficulty = Field(
        default="box_area", description="what sorts the rows: large boxes first, or the control `random`"
    )
    start_share: float = Field(default=0.3, gt=0, le=1, description="share of the rows at the first step")
    full_at: float = Field(default=0.6, gt=0, le=1, description="progress at which every row may be drawn")

    def share_at(self, progress: float) -> float:
        """Give the share of the sorted grounding rows that may be drawn.

        ``root`` is the root-2 competence of Platanios et al. 2019 (arXiv 1903.09848, equation 7).

        Args:
            progress: Optimizer steps done divided by all, in 0–1.

        Returns:
            A share in (0, 1] that never falls.

        """
        if self.pacing == "none" or progress >= self.full_at:
            return 1.0
        part = progress / self.full_at
        match self.pacing:
            case "linear":
                return self.start_share + (1 - self.start_share) * part
            case "root":
                return math.sqrt(self.start_share**2 + (1 - self.start_share**2) * part)
