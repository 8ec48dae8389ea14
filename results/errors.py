"""What can go wrong with a sweep's record."""

from __future__ import annotations


class ResultsError(Exception):
    """A sweep's record cannot be written, read or reported; the message says what to do."""
