"""How many rows a sweep trains on and is scored on: as a check found them, or as they are counted without reading."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from search.spec import SweepSpec
from spaces.trial import ShapesSource
from trainable.user_cache import cache_folder, whole_file

_QUESTIONS = 2.0
"""Rows of each task that a drawn scene gives, in the mean."""


class RowCounts(BaseModel):
    """Rows of a sweep's splits, and what is known of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    is_exact: bool = Field(description="whether a check has read them")
    rows: Mapping[str, Mapping[str, int]] = Field(description="number by split and task")
    tokens: float | None = Field(default=None, description="mean tokens of a row, images included")
    kept_bytes: int | None = Field(default=None, description="bytes on each node that are kept for all trials")

    def scored(self, *, limit: int | None) -> Mapping[str, int]:
        """Give the rows of the search split that a report scores, by task: in turn, as far as there are both.

        Args:
            limit: The most rows of a report; all if absent.

        """
        found = dict(self.rows.get("search", {}))
        if limit is None or sum(found.values()) <= limit:
            return found
        grounding, text = found.get("grounding", 0), found.get("text", 0)
        first = min(grounding, max((limit + 1) // 2, limit - text))
        return {"grounding": first, "text": limit - first}

    @property
    def search(self) -> int:
        """Number of rows of the search split."""
        return sum(self.rows.get("search", {}).values())


def keep_counts(spec: SweepSpec, counts: RowCounts) -> None:
    """Keep what a check found in the user's cache, for plans; a cache that can't be written keeps nothing."""
    with suppress(OSError), whole_file(_file(spec)) as path:
        path.write_text(counts.model_dump_json(), encoding="utf-8")


def known_counts(spec: SweepSpec) -> RowCounts | None:
    """Give what the last check of the same data and model found, or a count of drawn scenes; else ``None``."""
    try:
        return RowCounts.model_validate_json(_file(spec).read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return _counted(spec)


def _counted(spec: SweepSpec) -> RowCounts | None:
    """Count the rows of scenes, where all data are drawn."""
    scenes = [source.scenes for source in spec.data.sources if isinstance(source, ShapesSource)]
    if len(scenes) < len(spec.data.sources) or any(source.split for source in spec.data.sources):
        return None
    data = spec.data
    shares = {"search": data.search_share, "confirm": data.confirm_share, "test": data.test_share}
    shares = {"train": 1 - sum(shares.values()), **shares}
    each = {name: round(_QUESTIONS * share * sum(scenes)) for name, share in shares.items()}
    return RowCounts(is_exact=False, rows={name: {"grounding": count, "text": count} for name, count in each.items()})


def _file(spec: SweepSpec) -> Path:
    """Name the file after the settings that decide on rows, and after size and time of the files that hold them."""
    space = spec.space
    told = [
        spec.data.model_dump_json(),
        spec.model.model_dump_json(exclude={"cache"}),
        space.possible("adapter.last_layers"),
        [_stamp(Path(value)) for source in spec.data.sources for value in _paths(source)],
    ]
    return cache_folder("rows") / f"{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]}.json"


def _paths(source: BaseModel) -> list[str]:
    return [value for _, value in source if isinstance(value, str) and Path(value).is_absolute()]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns
