"""How a trial can fail; each kind has a reason in the record's words."""

from __future__ import annotations

from typing import ClassVar


class TrialError(Exception):
    """A trial can't go on."""

    reason: ClassVar[str] = "error"


class DivergedError(TrialError, ArithmeticError):
    """A loss term or the gradient is no longer finite."""

    reason = "diverged"

    def __init__(self, what: str, *, step: int) -> None:
        super().__init__(f"{what} is not finite at step {step}")


class MemoryExhaustedError(TrialError, MemoryError):
    """The device's memory does not suffice."""

    reason = "out of memory"


class DataError(TrialError, ValueError):
    """A data set, a row or an image can't be used."""

    reason = "bad data"


class MissingImageError(DataError):
    """A row names an image file that does not exist."""

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.path = path


class ModelError(TrialError, ValueError):
    """The base model can't be used."""

    reason = "bad model"
