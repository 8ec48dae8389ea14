"""The LoRA adapter of a trial."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

TargetGroup = Literal["attention", "mlp", "all"]
AdapterInit = Literal["kaiming", "gaussian", "orthogonal"]
_REWRITING = ("pissa", "olora", "corda", "loftq", "eva")


class AdapterConfig(BaseModel):
    """LoRA (Hu et al. 2021, arXiv 2106.09685) on linear layers of the language model, never of the vision tower."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rank: int = Field(default=16, ge=1, le=1024, description="rank of the two factors")
    alpha_ratio: float = Field(default=2.0, gt=0, description="LoRA's alpha divided by the rank")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout on the adapter's input")
    targets: TargetGroup = Field(default="all", description="linear layers that get an adapter")
    rank_stabilised: bool = Field(default=False, description="scale by alpha/√rank (rsLoRA) instead of alpha/rank")
    last_layers: int = Field(
        default=0,
        ge=0,
        description="layers of the language model that get an adapter, counted from the last; 0 for all. What the "
        "layers below make of a row is then computed once for all trials",
    )
    init: AdapterInit = Field(
        default="kaiming", description="how the first factor is drawn; the second starts at 0, save for `orthogonal`"
    )

    @field_validator("init", mode="before")
    @classmethod
    def _check_init(cls, init: object) -> object:
        if isinstance(init, str) and init.lower().startswith(_REWRITING):
            raise ValueError(
                f"got {init}; it would rewrite the weights of the base, which all trials of a worker share; choose "
                "kaiming, gaussian or orthogonal"
            )
        return init
