"""Tests that take a minute or more beside others that look at the same: `make nightly` runs them."""

from __future__ import annotations

import os

import pytest

IS_NIGHTLY = bool(os.environ.get("PARETUNE_NIGHTLY"))
NIGHTLY = pytest.mark.skipif(not IS_NIGHTLY, reason="takes long; set PARETUNE_NIGHTLY=1")
