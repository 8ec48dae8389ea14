"""The loss mixture: which terms, how heavy, and how their weights move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from spaces.schedules import Shape, schedule_factor

TermName = Literal["text_ce", "box_ce", "ntl_was", "giou"]
TERM_NAMES: tuple[TermName, ...] = get_args(TermName)


class TermConfig(BaseModel):
    """Weight of one loss term over a trial."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    on: bool = Field(default=True, description="whether the term is part of the loss")
    weight: float = Field(default=1.0, ge=0, description="mean weight over the trial")
    shape: Shape = Field(default="constant", description="curve of the weight over progress")
    octaves: float = Field(
        default=0.0, ge=-3, le=3, description="half the doublings of the weight from start to end; negative falls"
    )

    def weight_at(self, progress: float) -> float:
        """Give the weight at a progress in 0–1; 0 if the term is off."""
        return self.weight * schedule_factor(self.shape, self.octaves, progress) if self.on else 0.0

    @property
    def is_used(self) -> bool:
        """Whether the term ever has a weight."""
        return self.on and self.weight > 0


class MixtureConfig(BaseModel):
    """One weight for each loss term. The default is plain cross entropy over all supervised tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    text_ce: TermConfig = Field(default=TermConfig(), description="cross entropy of tokens outside boxes")
    box_ce: TermConfig = Field(default=TermConfig(), description="cross entropy of tokens inside boxes")
    ntl_was: TermConfig = Field(
        default=TermConfig(on=False, weight=0.3), description="number token loss (NTL-WAS) on box digits"
    )
    giou: TermConfig = Field(
        default=TermConfig(on=False, weight=0.1), description="GIoU of boxes decoded softly from digit probabilities"
    )

    @model_validator(mode="after")
    def _check(self) -> MixtureConfig:
        if not any(term.is_used for term in self.terms().values()):
            raise ValueError("every loss term is off or has weight 0; nothing would be learnt")
        return self

    def terms(self) -> Mapping[TermName, TermConfig]:
        """Give all terms by name."""
        return {"text_ce": self.text_ce, "box_ce": self.box_ce, "ntl_was": self.ntl_was, "giou": self.giou}
