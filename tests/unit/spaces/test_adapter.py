from __future__ import annotations

import pytest
from pydantic import ValidationError

from spaces import AdapterConfig


@pytest.mark.parametrize(
    "settings", [{"rank": 0}, {"rank": 2000}, {"alpha_ratio": 0}, {"dropout": 1}, {"targets": "x"}]
)
def test_an_impossible_adapter_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AdapterConfig.model_validate(settings)
