"""How the weights of loss terms react to the losses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from spaces.needs import Needs

WeightingName = Literal["static", "refnorm", "emanorm", "uncertainty", "dwa", "famo", "rlw"]


def _only(name: WeightingName) -> Needs:
    return Needs("name", (name,))


class WeightingConfig(BaseModel):
    """The weighting: multipliers of the searched weights, made anew at every optimizer step."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: WeightingName = Field(default="static", description="what moves the weights; `static` leaves them alone")
    ema_rate: Annotated[float, _only("emanorm")] = Field(
        default=0.05, gt=0, le=1, description="weight of the newest loss in the running mean; with `emanorm`"
    )
    uncertainty_rate: Annotated[float, _only("uncertainty")] = Field(
        default=0.025, gt=0, le=1, description="learning rate of the log variances; with `uncertainty`"
    )
    dwa_temperature: Annotated[float, _only("dwa")] = Field(
        default=2.0, gt=0, description="evenness of the multipliers; with `dwa`"
    )
    dwa_window: Annotated[int, _only("dwa")] = Field(
        default=20, ge=1, description="optimizer steps whose mean losses are compared; with `dwa`"
    )
    famo_rate: Annotated[float, _only("famo")] = Field(
        default=0.025, gt=0, le=1, description="learning rate of the logits; with `famo`"
    )
    famo_decay: Annotated[float, _only("famo")] = Field(
        default=0.001, ge=0, le=1, description="weight decay of the logits; with `famo`"
    )
    rlw_deviation: Annotated[float, _only("rlw")] = Field(
        default=1.0, ge=0, description="standard deviation of the random logits; with `rlw`"
    )
