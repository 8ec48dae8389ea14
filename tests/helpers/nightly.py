"""Tests that take a minute or more beside others that look at the same: `make nightly` runs them."""

from __future__ import annotations

import os

import pytest

NIGHTLY = pytest.mark.skipif(not os.environ.get("PARETUNE_NIGHTLY"), reason="takes long; set PARETUNE_NIGHTLY=1")
