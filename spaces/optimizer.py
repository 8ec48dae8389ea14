"""AdamW and its learning-rate curve."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Decay = Literal["constant", "linear", "cosine"]


class OptimizerConfig(BaseModel):
    """AdamW (Loshchilov & Hutter 2019) with linear warm-up, decay to zero and clipping of the gradient's norm."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    learning_rate: float = Field(default=1.0e-3, gt=0, description="highest learning rate")
    warmup_share: float = Field(default=0.05, ge=0, lt=1, description="share of the steps until that rate is reached")
    decay: Decay = Field(default="cosine", description="curve from there to the last step")
    weight_decay: float = Field(default=0.0, ge=0, description="decoupled weight decay")
    beta2: float = Field(default=0.99, gt=0, lt=1, description="decay of the second moment")
    clip_norm: float = Field(default=1.0, gt=0, description="largest norm of the gradient")

    def rate_at(self, step: int, *, steps: int) -> float:
        """Give the learning rate of one optimizer step.

        Args:
            step: Counted from 0.
            steps: Steps of the whole trial.

        Returns:
            The rate, above 0: warm-up and decay are read at the middle of the step.

        """
        progress = (step + 0.5) / steps
        if progress < self.warmup_share:
            return self.learning_rate * progress / self.warmup_share
        rest = (progress - self.warmup_share) / (1 - self.warmup_share)
        match self.decay:
            case "constant":
                return self.learning_rate
            case "linear":
                return self.learning_rate * (1 - rest)
            case "cosine":
                return self.learning_rate * (1 + math.cos(math.pi * rest)) / 2
