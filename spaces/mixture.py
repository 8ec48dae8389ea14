"""The loss mixture: which terms, how heavy, how their weights move, and what each term needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from spaces.schedules import Shape, schedule_factor

TermName = Literal[
    "text_ce", "box_ce", "label_smoothing", "soft_label", "ntl_was", "carry", "l1", "giou", "kl", "z_loss"
]
TERM_NAMES: tuple[TermName, ...] = get_args(TermName)

Bound = Literal["lower", "mid"]
Decoding = Literal["naive", "carry"]
Divergence = Literal["forward", "reverse"]


class TermConfig(BaseModel):
    """Weight of one loss term over a trial."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    on: bool = Field(default=True, description="whether the term is part of the loss")
    weight: float = Field(default=1.0, ge=0, description="mean weight over the trial")
    shape: Shape = Field(default="constant", description="curve of the weight over progress")
    octaves: float = Field(
        default=0.0, ge=-3, le=3, description="half the doublings of the weight from start to end; negative falls"
    )

    at: float = Field(default=0.5, ge=0.05, le=0.95, description="progress of the change, for `step` and `sigmoid`")

    def weight_at(self, progress: float) -> float:
        """Give the weight at a progress in 0–1; 0 if the term is off."""
        return self.weight * schedule_factor(self.shape, self.octaves, progress, at=self.at) if self.on else 0.0

    @property
    def is_used(self) -> bool:
        """Whether the term ever has a weight."""
        return self.on and self.weight > 0


class SoftLabelConfig(TermConfig):
    """Weight of the soft digit labels, and their width."""

    tau: float = Field(default=1.0, gt=0, description="width of the soft labels, in squared digits")


class CarryConfig(TermConfig):
    """Weight of the carry-aware number loss, and what it counts for a wrong digit."""

    bound: Bound = Field(
        default="lower", description="distance to the nearest number still reachable, or to the middle"
    )


class SoftBoxConfig(TermConfig):
    """Weight of a term of softly decoded boxes, and how they are decoded."""

    decoding: Decoding = Field(default="naive", description="expected digits, or the carry-aware signed distance")


class KlConfig(TermConfig):
    """Weight of the divergence from the base, and its direction."""

    divergence: Divergence = Field(default="forward", description="KL(base | model), or `reverse`")


class MixtureConfig(BaseModel):
    """One weight for each loss term. The default is plain cross entropy over all supervised tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    text_ce: TermConfig = Field(default=TermConfig(), description="cross entropy of tokens outside boxes")
    box_ce: TermConfig = Field(default=TermConfig(), description="cross entropy of tokens inside boxes")
    label_smoothing: TermConfig = Field(
        default=TermConfig(on=False, weight=0.05), description="label smoothing of tokens outside boxes"
    )
    soft_label: SoftLabelConfig = Field(
        default=SoftLabelConfig(on=False, weight=0.1), description="soft labels over digits on box digits"
    )
    ntl_was: TermConfig = Field(
        default=TermConfig(on=False, weight=0.3), description="number token loss (NTL-WAS) on box digits"
    )
    carry: CarryConfig = Field(
        default=CarryConfig(on=False, weight=1.0), description="carry-aware error of the numbers of boxes"
    )
    l1: SoftBoxConfig = Field(
        default=SoftBoxConfig(on=False, weight=0.1), description="absolute error of softly decoded boxes"
    )
    giou: SoftBoxConfig = Field(default=SoftBoxConfig(on=False, weight=0.1), description="GIoU of softly decoded boxes")
    kl: KlConfig = Field(
        default=KlConfig(on=False, weight=0.1), description="divergence from the base on tokens outside boxes"
    )
    z_loss: TermConfig = Field(
        default=TermConfig(on=False, weight=1.0e-4), description="squared log of softmax's normaliser"
    )

    @model_validator(mode="after")
    def _check(self) -> MixtureConfig:
        if not any(term.is_used for term in self.terms().values()):
            raise ValueError("every loss term is off or has weight 0; nothing would be learnt")
        return self

    def terms(self) -> Mapping[TermName, TermConfig]:
        """Give all terms by name."""
        return {name: getattr(self, name) for name in TERM_NAMES}
