"""One worker process: base, tokens, positions and features of images are made once, trials come and go."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import torch
from cachetools import LRUCache
from torch import Tensor

from spaces.adapter import AdapterConfig
from spaces.mixture import MixtureConfig, RatioTermConfig, TermName
from spaces.trial import DataConfig, ModelConfig
from trainable.boxes import Box, mean_box
from trainable.calibration import reference_losses, row_losses
from trainable.data.collate import Example, collate
from trainable.data.prepare import prepare
from trainable.data.records import Record, interleaved
from trainable.data.render import Row, render
from trainable.data.split import Split
from trainable.errors import ModelError
from trainable.evaluation.evaluate import ScoredRow
from trainable.losses import LossTerm, make_terms
from trainable.model.adapter import first_layer
from trainable.model.fingerprint import fingerprint
from trainable.model.load import Base, load_base
from trainable.model.prefix_cache import PrefixCache, layer_count
from trainable.model.vision_cache import Features, VisionCache, digest_of

HeldBack = Literal["confirm", "test"]

_log = logging.getLogger(__name__)

_ROW_CACHE_TOKENS = 4_000_000
"""Some 64 bytes each."""
_CALIBRATION_ROWS = 32


class Host:
    """Holds what all trials of one sweep share in a process."""

    def __init__(self, model: ModelConfig, data: DataConfig) -> None:
        """Load the base and read the data.

        Raises:
            ModelError: If the base can't be loaded.
            DataError: If the data gives no training or no search row.

        """
        self.base: Base = load_base(model)
        self.data = data
        prepared = prepare(data, self.base.processor)
        self.split: Split = prepared.split
        if prepared.too_long:
            _log.warning("%d rows are longer than data.max_length and left out", len(prepared.too_long))
        self._fingerprint = fingerprint(self.base.model)
        self._images = VisionCache(self.base, model.cache)
        self._prefixes = PrefixCache(self.base, model.cache, self._fingerprint)
        self._rows: LRUCache[str, _Tokens] = LRUCache(_ROW_CACHE_TOKENS, getsizeof=lambda kept: len(kept.row.ids))
        self._references: dict[str, Mapping[TermName, float]] = {}

    @cached_property
    def constant_box_1000(self) -> Box | None:
        """The mean box of the training rows, or ``None`` without boxes."""
        return mean_box([box for record in self.split.train for box in record.boxes_1000])

    @cached_property
    def source_shares(self) -> Mapping[int | str, float] | None:
        """The share of the training rows that is drawn from each source, or ``None`` where none was told."""
        shares: dict[int | str, float] = {
            index: source.share for index, source in enumerate(self.data.sources) if source.share
        }
        return shares or None

    @cached_property
    def _search_records(self) -> list[Record]:
        return interleaved(self.split.search)

    @cached_property
    def base_losses(self) -> list[float]:
        """The base's mean cross entropy on every grounding row of the training split, in order; a forward pass each."""
        grounding = [record for record in self.split.train if record.task == "grounding"]
        return row_losses(self.base, map(self.example, grounding))

    def references(self, mixture: MixtureConfig) -> Mapping[TermName, float]:
        """Give the value of every used term for the base, on the first rows of the training split, both tasks mixed."""
        used = mixture.mean_weights()
        terms: dict[TermName, LossTerm] = {name: term for name, term in make_terms(mixture).items() if name in used}
        settings = {
            name: mixture.terms()[name].model_dump_json(exclude=set(RatioTermConfig.model_fields)) for name in used
        }
        key = json.dumps(settings, sort_keys=True)
        if key not in self._references:
            rows = [self.example(record) for record in interleaved(self.split.train)[:_CALIBRATION_ROWS]]
            self._references[key] = reference_losses(self.base, rows, terms)
        return self._references[key]

    def check_base(self) -> None:
        """See that the base still is what was loaded, bit by bit, and that nothing of its vision tower is trained.

        Raises:
            ModelError: If it is not, as with adapters that start by rewriting the weights below them.

        """
        self._images.check_frozen()
        if fingerprint(self.base.model) != self._fingerprint:
            raise ModelError("the base's weights were changed, which other trials of this worker would be trained on")

    def depth(self, adapter: AdapterConfig) -> int:
        """Give the layer at which an adapter's training may start, see ``PrefixCache.usable``."""
        return self._prefixes.usable(first_layer(adapter, layers=layer_count(self.base)))

    def length(self, record: Record) -> int:
        """Give the number of a record's tokens.

        Raises:
            DataError: If an image can't be read.

        """
        return len(self._tokens(record).row.ids)

    def example(self, record: Record, *, depth: int = 0) -> Example:
        """Give a record's tokens, their positions, and the features of its images.

        Args:
            record: The row.
            depth: The layer at which training starts: what enters it takes the place of the images' features.

        Raises:
            DataError: If an image can't be read.

        """
        if depth:
            return self._deep_example(record, depth)
        kept = self._tokens(record)
        return Example(kept.row, self._features(record), kept.positions)

    def _features(self, record: Record) -> tuple[Features, ...]:
        return tuple(self._images.features(image) for image in record.images)

    def _tokens(self, record: Record) -> _Tokens:
        kept = self._rows.get(record.id)
        if kept is None:
            row = render(record, self.base.processor)
            kept = self._rows[record.id] = _Tokens(row, row_positions(self.base, row, self._features(record)))
        return kept

    def _deep_example(self, record: Record, depth: int) -> Example:
        kept = self._tokens(record)

        def name() -> str:
            return json.dumps([kept.row.ids, [digest_of(image) for image in record.images]])

        hidden = self._prefixes.hidden(
            record.id, depth, name=name, inputs=lambda: collate([self.example(record)], self.base).inputs
        )
        return Example(kept.row, (), kept.positions, hidden, depth)

    def search_rows(self, count: int | None) -> list[ScoredRow]:
        """Give the first rows of the search split, grounding and text in turn as far as there are both."""
        return self._scored(self._search_records[:count])

    def held_back_rows(self, split: HeldBack) -> list[ScoredRow]:
        """Give all rows of a split that the search never sees.

        Raises:
            DataError: If an image can't be read.

        """
        return self._scored(self.split.confirm if split == "confirm" else self.split.test)

    def _scored(self, records: Sequence[Record]) -> list[ScoredRow]:
        return [ScoredRow(record, self.example(record)) for record in records]


@dataclass(frozen=True)
class _Tokens:
    """What is kept of a row."""

    row: Row
    positions: Tensor


def row_positions(base: Base, row: Row, images: Sequence[Features]) -> Tensor:
    """Give the rotary positions of a row's tokens, as transformers finds them.

    Returns:
        In time, height and width, int32, of shape ``[3, n]``.

    """
    ids = torch.tensor([row.ids])
    if not images:
        return torch.arange(ids.shape[1], dtype=torch.int32).expand(3, -1)
    positions, _ = base.model.model.get_rope_index(
        ids,
        image_grid_thw=torch.tensor([image.grid for image in images]),
        mm_token_type_ids=(ids == base.ids.image_pad).to(torch.int32),
    )
    return positions[:, 0].to(torch.int32)


def host_for(model: ModelConfig, data: DataConfig) -> Host:
    """Give this process's host; a change of model or data makes a new one."""
    return _host(model.model_dump_json(), data.model_dump_json())


def forget_host() -> None:
    """Let the next trial load the base anew."""
    _host.cache_clear()


@lru_cache(maxsize=1)
def _host(model: str, data: str) -> Host:
    return Host(ModelConfig.model_validate_json(model), DataConfig.model_validate_json(data))
