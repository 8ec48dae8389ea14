"""The loss mixture: which terms, how heavy, how their weights move, and what each term needs to know."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from spaces.needs import Needs
from spaces.schedules import Shape, schedule_factor
from spaces.weighting import WeightingConfig

TermName = Literal[
    "text_ce", "box_ce", "label_smoothing", "soft_label", "ntl_was", "carry", "l1", "giou", "kl", "z_loss"
]
TERM_NAMES: tuple[TermName, ...] = get_args(TermName)

Scale = Literal["plain", "calibrated"]
Bound = Literal["lower", "mid"]
Decoding = Literal["naive", "carry"]
Divergence = Literal["forward", "reverse"]

_ON = Needs("on", (True,))
_MOVES = Needs("shape", ("linear", "cosine", "exponential", "step", "sigmoid", "knots", "cyclical"))


class TermConfig(BaseModel):
    """Weight of one loss term over a trial."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    on: bool = Field(default=True, description="whether the term is part of the loss")
    weight: Annotated[float, _ON, Needs("mixture.scale", ("plain",))] = Field(
        default=1.0, ge=0, description="mean weight over the trial; with `scale: plain`"
    )
    shape: Annotated[Shape, _ON] = Field(default="constant", description="curve of the weight over progress")
    octaves: Annotated[float, _ON, _MOVES] = Field(
        default=0.0, ge=-3, le=3, description="half the doublings of the weight from start to end; negative falls"
    )
    at: Annotated[float, _ON, Needs("shape", ("step", "sigmoid", "knots"))] = Field(
        default=0.5, ge=0.05, le=0.95, description="progress of the change, for `step`, `sigmoid` and `knots`"
    )
    middle: Annotated[float, _ON, Needs("shape", ("knots",))] = Field(
        default=0.0, ge=-3, le=3, description="half the doublings of the weight from the start to `at`, for `knots`"
    )

    def factor_at(self, progress: float) -> float:
        """Give the factor of the mean weight at a progress in 0–1; its mean over a trial is 1."""
        return schedule_factor(self.shape, self.octaves, progress, at=self.at, middle=self.middle)


class RatioTermConfig(TermConfig):
    """Weight of a term that can also be given as a ratio to cross entropy on text."""

    log10: Annotated[float, _ON, Needs("mixture.scale", ("calibrated",))] = Field(
        default=0.0,
        ge=-6,
        le=6,
        description="logarithm of the ratio to `text_ce`, both as multiples of the base's; with `scale: calibrated`",
    )


class SoftLabelConfig(RatioTermConfig):
    """Weight of the soft digit labels, and their width."""

    tau: Annotated[float, _ON] = Field(default=1.0, gt=0, description="width of the soft labels, in squared digits")


class CarryConfig(RatioTermConfig):
    """Weight of the carry-aware number loss, and what it counts for a wrong digit."""

    bound: Annotated[Bound, _ON] = Field(
        default="lower", description="distance to the nearest number still reachable, or to the middle"
    )


class SoftBoxConfig(RatioTermConfig):
    """Weight of a term of softly decoded boxes, and how they are decoded."""

    decoding: Annotated[Decoding, _ON] = Field(
        default="naive", description="expected digits, or the carry-aware signed distance"
    )


class KlConfig(RatioTermConfig):
    """Weight of the divergence from the base, and its direction."""

    divergence: Annotated[Divergence, _ON] = Field(default="forward", description="KL(base | model), or `reverse`")


class MixtureConfig(BaseModel):
    """One weight for each loss term. The default is plain cross entropy over all supervised tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    scale: Scale = Field(
        default="plain",
        description="`plain` weighs the terms as they are; `calibrated` divides each by its value for the base and "
        "makes the weights sum to the number of terms that are on",
    )
    weighting: WeightingConfig = Field(default=WeightingConfig(), description="how weights react to the losses")
    text_ce: TermConfig = Field(default=TermConfig(), description="cross entropy of tokens outside boxes")
    box_ce: RatioTermConfig = Field(default=RatioTermConfig(), description="cross entropy of tokens inside boxes")
    label_smoothing: RatioTermConfig = Field(
        default=RatioTermConfig(on=False, weight=0.05), description="label smoothing of tokens outside boxes"
    )
    soft_label: SoftLabelConfig = Field(
        default=SoftLabelConfig(on=False, weight=0.1), description="soft labels over digits on box digits"
    )
    ntl_was: RatioTermConfig = Field(
        default=RatioTermConfig(on=False, weight=0.3), description="number token loss (NTL-WAS) on box digits"
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
    z_loss: RatioTermConfig = Field(
        default=RatioTermConfig(on=False, weight=1.0e-4), description="squared log of softmax's normaliser"
    )

    @model_validator(mode="after")
    def _check(self) -> MixtureConfig:
        if not self.mean_weights():
            raise ValueError("every loss term is off or has weight 0; nothing would be learnt")
        return self

    def terms(self) -> Mapping[TermName, TermConfig]:
        """Give all terms by name."""
        return {name: getattr(self, name) for name in TERM_NAMES}

    def mean_weights(self) -> Mapping[TermName, float]:
        """Give the mean weight of every term that is used, above 0.

        With ``scale: calibrated`` a term's weight is ``10 ** log10`` times that of ``text_ce``, and they sum to the
        number of terms; the caller divides each term by its value for the base.
        """
        on: dict[TermName, TermConfig] = {name: term for name, term in self.terms().items() if term.on}
        if self.scale == "plain":
            return {name: term.weight for name, term in on.items() if term.weight > 0}
        ratios: dict[TermName, float] = {name: 10.0 ** _log10(term) for name, term in on.items()}
        total = math.fsum(ratios.values())
        return {name: len(ratios) * ratio / total for name, ratio in ratios.items()}

    def weights_at(self, progress: float) -> Mapping[TermName, float]:
        """Give the weight of every term at a progress in 0–1; 0 for a term that is not used."""
        means = self.mean_weights()
        return {name: means.get(name, 0.0) * term.factor_at(progress) for name, term in self.terms().items()}

    def with_calibrated_weights(self, weights: Mapping[TermName, float]) -> MixtureConfig:
        """Give the calibrated mixture whose mean weights have these proportions; terms without a weight are off.

        Args:
            weights: Above 0; ``text_ce``, to which the others are related, is among them.

        Raises:
            ValueError: If a weight is not above 0 or of no term, that of ``text_ce`` is missing, or a ratio is beyond
                the bounds of ``log10``.

        """
        if "text_ce" not in weights or min(weights.values()) <= 0 or not set(weights) <= set(TERM_NAMES):
            raise ValueError(f"weights must be above 0, of known terms, and hold text_ce; got {dict(weights)}")
        changed: dict[str, Any] = self.model_dump() | {"scale": "calibrated"}
        for name in TERM_NAMES:
            changed[name]["on"] = name in weights
            if name in weights and name != "text_ce":
                changed[name]["log10"] = math.log10(weights[name] / weights["text_ce"])
        return MixtureConfig.model_validate(changed)


def _log10(term: TermConfig) -> float:
    return term.log10 if isinstance(term, RatioTermConfig) else 0.0
