"""Which rows may be drawn when, and in which mix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from spaces.needs import Needs
from spaces.simplex import shares_of

Pacing = Literal["none", "linear", "root", "exponential", "single_step", "baby_steps", "self_paced"]
Difficulty = Literal["box_area", "distractors", "phrase_length", "boxes", "base_loss", "random"]
Order = Literal["easy_first", "anti"]
Mix = Literal["data", "task", "temperature", "sources"]

_PACED = Needs("pacing", tuple(name for name in get_args(Pacing) if name != "none"))
_SORTED_ONCE = Needs("pacing", tuple(name for name in get_args(Pacing) if name not in ("none", "self_paced")))
_STAGED = Needs("pacing", ("exponential", "baby_steps"))
_SOURCES = Needs("mix", ("sources",))

_STICK = "quantile of this source's share of what the sources before it leave; with `mix: sources`"

MOST_SOURCES = 8


class CurriculumConfig(BaseModel):
    """Pacing over grounding rows sorted from easy to hard (Bengio et al. 2009), and the mix of rows over time."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pacing: Pacing = Field(default="none", description="curve of the share of rows that may be drawn")
    difficulty: Annotated[Difficulty, _SORTED_ONCE] = Field(
        default="box_area", description="what makes a row hard, or the control `random`; `self_paced` needs none"
    )
    order: Annotated[Order, _PACED] = Field(
        default="easy_first", description="`anti` begins with the hard rows: the anti-curriculum"
    )
    start_share: Annotated[float, Needs("pacing", ("linear", "root", "exponential", "single_step", "self_paced"))] = (
        Field(default=0.3, ge=0.001, le=1, description="share of the rows at the first step; not for `baby_steps`")
    )
    full_at: Annotated[float, _PACED] = Field(
        default=0.6, gt=0, le=1, description="progress at which every row may be drawn"
    )
    exponent: Annotated[float, Needs("pacing", ("root",))] = Field(
        default=2.0, ge=1, le=10, description="root of the curve; 1 is `linear`; with `root`"
    )
    stages: Annotated[int, _STAGED] = Field(
        default=4, ge=2, le=100, description="number of stages; with `exponential` and `baby_steps`"
    )
    mix: Mix = Field(
        default="data",
        description="what the shares of rows follow: the data, one share of grounding rows, a temperature over the "
        "sources, or one share for each source",
    )
    grounding_share: Annotated[float, Needs("mix", ("task",))] = Field(
        default=0.5, gt=0, lt=1, description="share of grounding rows at half the trial; with `mix: task`"
    )
    grounding_drift: Annotated[float, Needs("mix", ("task",))] = Field(
        default=0.0, ge=-8, le=8, description="change of that share's log odds from start to end; with `mix: task`"
    )
    temperature: Annotated[float, Needs("mix", ("temperature",))] = Field(
        default=1.0,
        gt=0,
        le=100,
        description="1 draws sources by their rows, more draws them more evenly; with `mix: temperature`",
    )
    temperature_drift: Annotated[float, Needs("mix", ("temperature",))] = Field(
        default=0.0,
        ge=-8,
        le=8,
        description="doublings of the temperature from start to end, around half the trial; with `mix: temperature`",
    )
    stick_1: Annotated[float, _SOURCES] = Field(default=0.5, ge=0, le=1, description=_STICK)
    stick_2: Annotated[float, _SOURCES] = Field(default=0.5, ge=0, le=1, description=_STICK)
    stick_3: Annotated[float, _SOURCES] = Field(default=0.5, ge=0, le=1, description=_STICK)
    stick_4: Annotated[float, _SOURCES] = Field(default=0.5, ge=0, le=1, description=_STICK)
    stick_5: Annotated[float, _SOURCES] = Field(default=0.5, ge=0, le=1, description=_STICK)
    stick_6: Annotated[float, _SOURCES] = Field(default=0.5, ge=0, le=1, description=_STICK)
    stick_7: Annotated[float, _SOURCES] = Field(default=0.5, ge=0, le=1, description=_STICK)

    def share_at(self, progress: float) -> float:
        """Give the share of the sorted grounding rows that may be drawn.

        Args:
            progress: Optimizer steps done divided by all, in 0–1.

        Returns:
            A share in (0, 1] that never falls.

        References:
            ``root``: the root-p competence of Platanios et al., NAACL 2019, arXiv 1903.09848, equation 8; p = 2 is
            their equation 7. ``exponential`` (fixed exponential) and ``single_step``: Hacohen & Weinshall, ICML 2019,
            arXiv 1904.03626, section 2.2. ``baby_steps``: Spitkovsky et al., NAACL 2010, cumulative. ``self_paced``:
            Kumar et al., NIPS 2010; here the threshold is the quantile that admits a linear share.

        """
        if self.pacing == "none" or progress >= self.full_at:
            return 1.0
        part, start = progress / self.full_at, self.start_share
        match self.pacing:
            case "linear" | "self_paced":
                return start + (1 - start) * part
            case "root":
                power = start**self.exponent
                return (power + (1 - power) * part) ** (1 / self.exponent)
            case "exponential":
                return start ** (1 - math.floor(part * self.stages) / self.stages)
            case "single_step":
                return start
            case "baby_steps":
                return (math.floor(part * self.stages) + 1) / self.stages

    def task_share_at(self, progress: float) -> float:
        """Give the share of grounding rows with ``mix: task``, in (0, 1)."""
        odds = math.log(self.grounding_share / (1 - self.grounding_share))
        return 1 / (1 + math.exp(-odds - self.grounding_drift * (progress - 0.5)))

    def source_shares_at(self, progress: float, rows: Sequence[int]) -> tuple[float, ...]:
        """Give the share of every source with ``mix: temperature`` or ``mix: sources``.

        Args:
            progress: In 0–1.
            rows: Number of training rows of each source, in order.

        Returns:
            Shares that sum to 1: ``p_i ∝ n_i ** (1 / temperature)``, or those of the sticks.

        """
        if self.mix == "sources":
            sticks = [getattr(self, f"stick_{place}") for place in range(1, MOST_SOURCES)]
            return shares_of(sticks[: len(rows) - 1])
        temperature = self.temperature * 2.0 ** (self.temperature_drift * (progress - 0.5))
        most = max(rows)
        powers = [(count / most) ** (1 / temperature) for count in rows]
        return tuple(power / math.fsum(powers) for power in powers)
