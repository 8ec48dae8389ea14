"""Which values of other keys a key needs to have any effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic.fields import FieldInfo

from spaces.domains import Scalar


@dataclass(frozen=True)
class Needs:
    """Metadata of a field: it has an effect only where another key has one of some values.

    Attributes:
        key: A key of the same section, or a whole dotted key.
        values: Of that key.

    """

    key: str
    values: tuple[Scalar, ...]


def needs_of(field: FieldInfo, prefix: str) -> Mapping[str, tuple[Scalar, ...]]:
    """Give what a field of a section needs, by whole dotted keys."""
    return {
        need.key if "." in need.key else f"{prefix}.{need.key}": need.values
        for need in field.metadata
        if isinstance(need, Needs)
    }
