"""What can go wrong with a search space."""

from __future__ import annotations


class SpaceError(Exception):
    """A dimension or a point of the search space is impossible."""


class DomainError(SpaceError, ValueError):
    """A domain holds no value, or one that its key does not take."""
