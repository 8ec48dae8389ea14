"""What a user asks of a running sweep: one small file each, written by a command and taken in by the driver."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from results.sweep_file import write_whole
from spaces import Scalar

_log = logging.getLogger(__name__)

RequestKind = Literal["stop", "pin", "extend", "clone"]


class Request(BaseModel):
    """One thing that a user asks for.

    Attributes:
        kind: ``stop`` it at its next report, ``pin`` its checkpoint, ``extend`` it to the last step whatever the
            pruner says, or ``clone`` it into another trial.
        trial: Its number.
        seed: Of a clone; another than the trial's own if absent.
        changes: Of a clone: searched keys with other values.
        id: A request is carried out once.

    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: RequestKind
    trial: int = Field(ge=0)
    seed: int | None = Field(default=None, ge=0, le=2**32 - 1)
    changes: Mapping[str, Scalar] | None = None
    id: str = Field(default_factory=lambda: uuid.uuid4().hex)


class RequestFiles:
    """The requests of a sweep's folder.

    Args:
        folder: Of the sweep.

    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "requests"

    def submit(self, request: Request) -> Path:
        """Leave a request for the driver; it appears whole."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{request.id}.json"
        write_whole(path, lambda temporary: temporary.write_text(request.model_dump_json(), encoding="utf-8"))
        return path

    def pending(self) -> list[Request]:
        """Give the requests that were not taken in yet, the oldest first.

        A file that is no request is set aside with a warning.
        """
        if not self._folder.is_dir():
            return []
        found: list[Request] = []
        for path in sorted(self._folder.glob("*.json"), key=lambda each: (each.stat().st_mtime_ns, each.name)):
            try:
                found.append(Request.model_validate_json(path.read_bytes()))
            except ValidationError as error:
                path.rename(path.with_suffix(".refused"))
                _log.warning("%s is no request, it is set aside: %s", path, error.errors()[0]["msg"])
        return found

    def done(self, request: Request) -> None:
        """Forget a request that was taken in."""
        (self._folder / f"{request.id}.json").unlink(missing_ok=True)
