"""Row formats by name: each tells its rows and reads one, which may hold several conversations."""

from collections.abc import Mapping
from types import ModuleType

from spaces.trial import RowFormat
from trainable.data.sources.formats import alpaca, messages, paligemma, queries, referring, sharegpt, vqa

FORMATS: Mapping[RowFormat, ModuleType] = {
    "messages": messages,
    "sharegpt": sharegpt,
    "queries": queries,
    "alpaca": alpaca,
    "paligemma": paligemma,
    "referring": referring,
    "vqa": vqa,
}

__all__ = ["FORMATS"]
