"""What packing gains on a device: rows that packs of several sizes train in a second, each against single trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from trials_shape import Made, Shape, trial_config

from trainable.host import Host
from trainable.packing.calibrate import SIZES, calibrate

_STEPS = 8


def pack_table(made: Made, shape: Shape, *, sizes: Sequence[int] = SIZES, steps: int = _STEPS) -> Iterator[str]:
    """Give a Markdown table of packs; every size is measured after packs of one trial on the same rows."""
    config = trial_config(0, made, shape)
    host = Host(config.model, config.data)
    yield f"On {device_words(host.base.device)}, batches of {shape.batch} rows a trial, {steps} steps:\n"
    yield "| trials in a pack | rows per second | times one trial's | peak GiB on the device |"
    yield "| --- | --- | --- | --- |"
    for size in sizes:
        if host.base.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        seconds = calibrate(host, config, sizes=sorted({1, size}), steps=steps).batch_seconds
        peak = f"{torch.cuda.max_memory_allocated() / 2**30:.1f}" if host.base.device.type == "cuda" else "–"
        if size not in seconds:
            yield f"| {size} | does not fit | – | {peak} |"
            continue
        yield f"| {size} | {shape.batch / seconds[size]:.1f} | {seconds[1] / seconds[size]:.2f} | {peak} |"


def device_words(device: torch.device) -> str:
    """Name a device with what drives it."""
    if device.type != "cuda":
        return "a processor"
    return f"one {torch.cuda.get_device_name(device)} (torch {torch.__version__}, CUDA {torch.version.cuda})"
