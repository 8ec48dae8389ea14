"""Conversation formats by name: each tells its rows and reads one."""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from spaces.trial import RowFormat
from trainable.data.sources.draft import Draft
from trainable.data.sources.formats import alpaca, messages, paligemma, queries, sharegpt

FORMATS: Mapping[RowFormat, ModuleType] = {
    "messages": messages,
    "sharegpt": sharegpt,
    "queries": queries,
    "alpaca": alpaca,
    "paligemma": paligemma,
}

Reader = Callable[[Mapping[str, Any]], Draft]

__all__ = ["FORMATS", "Reader"]
