"""What of a sweep's data is computed once for all trials, and the disk that it takes on each node."""

from __future__ import annotations

from collections.abc import Iterator

from search.amounts import in_words
from search.check import CheckedData
from search.spec import SweepSpec
from trainable.data.prepare import token_length
from trainable.model.load import Processor

_SAMPLED = 200
"""Rows whose tokens are counted to know the mean length."""


def cache_lines(spec: SweepSpec, data: CheckedData) -> Iterator[str]:
    """Say how much disk the features of images take, and the states below adapters, if there are any.

    Args:
        spec: The sweep.
        data: Its rows. Confirm and test splits are not counted, since a sweep does not touch them.

    """
    if data.processor is None:
        return
    wanted, disk = kept_bytes(spec, data) or 0, spec.model.cache.disk
    line = f"kept for all trials: up to {in_words(wanted)} on each node"
    if disk is not None and wanted > disk:
        fix = "all of it is computed anew in every trial" if disk == 0 else "the rest is computed anew in every trial"
        line += f", but model.cache.disk is {in_words(disk)}: {fix}, beyond 512 MiB in memory"
    yield line


def kept_bytes(spec: SweepSpec, data: CheckedData) -> int | None:
    """Give the bytes of all that is kept for all trials on a node; ``None`` where the model's processor is absent."""
    if data.processor is None:
        return None
    return _feature_bytes(spec, data, data.processor) + _state_bytes(spec, data, data.processor)


def _feature_bytes(spec: SweepSpec, data: CheckedData, processor: Processor) -> int:
    split = data.prepared.split
    images = {image.key: image for record in (*split.train, *split.search) for image in record.images}
    tokens = sum(processor.tokens(image.size) for image in images.values())
    return tokens * processor.shape.feature_bytes(spec.model.dtype)


def _state_bytes(spec: SweepSpec, data: CheckedData, processor: Processor) -> int:
    """Estimate what enters the lowest adapter, once for each depth that the space can draw."""
    shape, rows = processor.shape, data.prepared.split.train
    depths = {shape.layers - int(last) for last in spec.space.possible("adapter.last_layers") if last} - {0}
    depths = {depth for depth in depths if depth >= shape.deepstack}
    if not depths:
        return 0
    sampled = rows[:: max(1, len(rows) // _SAMPLED)]
    mean = sum(token_length(record, processor) for record in sampled) / len(sampled)
    return round(len(depths) * len(rows) * mean * shape.state_bytes(spec.model.dtype))
