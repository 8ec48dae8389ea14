"""What the parts of a sweep take: seconds and bytes, measured or assumed."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class RecordBytes(BaseModel):
    """What the record and the study take on disk for each of their rows."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    trial: float = Field(default=15_000.0, ge=0, description="bytes of one row of `trials`")
    report: float = Field(default=15_000.0, ge=0, description="bytes of one row of `reports`")
    decision: float = Field(default=6_000.0, ge=0, description="bytes of one row of `decisions`")
    prediction: float = Field(default=400.0, ge=0, description="bytes of one row of `predictions`")
    study: float = Field(default=4_000.0, ge=0, description="bytes of one trial in SQLite")


class Costs(BaseModel):
    """What the parts of a sweep take while as many trials run at a time as the sweep lets.

    Seconds are of the wall clock and means over trials.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    origin: Literal["measured", "sweep", "assumed"] = Field(description="how they were found")
    trials: int = Field(ge=0, description="trials that they are means of")
    step_s: float = Field(ge=0, description="seconds of one optimizer step")
    rung_s: float = Field(ge=0, description="seconds of the report at a rung")
    final_s: float = Field(ge=0, description="seconds of the report at the last step")
    trial_s: float = Field(ge=0, description="seconds that a trial takes beside its steps and reports")
    worker_s: float = Field(ge=0, description="seconds more that the first trial of a worker takes")
    before_s: float = Field(ge=0, description="seconds from the command to the first trial")
    after_s: float = Field(ge=0, description="seconds from the last trial to the end of the command")
    checkpoint_bytes: float | None = Field(default=None, ge=0, description="mean size of a trial's checkpoint")
    record: RecordBytes = Field(default=RecordBytes(), description="what rows take on disk")
    load: float | None = Field(
        default=None, ge=0, description="programs that wanted a core just before they were measured, in the mean"
    )
    front_ratio: float | None = Field(
        default=None, ge=0, description="trials of the front, by those that two unrelated objectives would have"
    )
    saved_share: float | None = Field(
        default=None, ge=0, le=1, description="share of all steps that the pruner saved; not known if absent"
    )

    def was_busy(self, cores: int) -> bool:
        """Tell whether other programs took more than three tenths of the machine's cores when they were measured."""
        return self.load is not None and self.load > _BUSY * cores


_BUSY = 0.3

STUDY_BYTES = 110_000
"""Of an SQLite study without a trial."""

BEFORE_S, AFTER_S = 15.0, 3.0
"""Assumed where only a finished sweep is known, whose record does not say when its command was given."""


def expected_front(completed: int) -> float:
    """Give the mean number of trials on the front of two objectives that have nothing to do with each other.

    The harmonic number of the trials: Barndorff-Nielsen and Sobel 1966, "On the distribution of the number of
    admissible points in a vector random sample", for two dimensions. Objectives that go together have fewer.
    """
    return sum(1 / place for place in range(1, completed + 1))
