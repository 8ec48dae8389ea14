"""Conversation formats by name: each tells its rows and reads one."""

from collections.abc import Mapping
from types import ModuleType

from spaces.trial import RowFormat
from trainable.data.sources.formats import alpaca, messages, paligemma, queries, sharegpt

FORMATS: Mapping[RowFormat, ModuleType] = {
    "messages": messages,
    "sharegpt": sharegpt,
    "queries": queries,
    "alpaca": alpaca,
    "paligemma": paligemma,
}

__all__ = ["FORMATS"]
