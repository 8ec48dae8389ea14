"""A data set that is given by its path, for a first sweep of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from search.errors import CheckError
from search.init.model import checked_model
from search.init.start import Start, Training
from spaces import SourceConfig
from spaces.trial import AutoSource, LlamaFactorySource
from trainable.data.sources.auto import resolved
from trainable.data.sources.llamafactory import REGISTRY
from trainable.errors import DataError
from trainable.model.tiny import TINY_NAME

_USUAL_PIXELS = 401_408
"""512 image tokens of Qwen2-VL."""

_TINY = Training(batch=16, accumulation=1, learning_rate=1.0e-3, beta2=0.99, epochs=4.0)
"""What the embedded base learns well with (docs/tiny-base.md)."""


def start_of_path(path: Path, *, model: str, images: Path | None, names: Sequence[str], has_gpu: bool) -> Start:
    """Find out what a path holds.

    Args:
        path: A file or a folder.
        model: The base: ``tiny``, a folder, or a name on the hub.
        images: Folder of the images; searched for if absent.
        names: Data sets of a LLaMA-Factory registry in the folder; the only one if absent.
        has_gpu: Whether trials will run on one.

    Raises:
        CheckError: If nothing that paretune reads is there, ``images`` is no folder, or the base is of another family.

    """
    if images is not None and not images.is_dir():
        raise CheckError(f"--images: {images} is no folder; expected the one that the paths of the images start from")
    is_tiny = model == TINY_NAME
    base, _ = checked_model(
        str(Path(model).absolute()) if Path(model).is_dir() and not is_tiny else model,
        dtype="bfloat16" if has_gpu and not is_tiny else "float32",
        max_pixels=None if is_tiny else _USUAL_PIXELS,
    )
    return Start(
        told_by=path.name or str(path),
        model=base,
        sources=tuple(_sources(path.absolute(), images, names)),
        images_fix="give the folder that the images' paths start from by --images DIR",
        training=_TINY if is_tiny else Training(),
    )


def _sources(path: Path, images: Path | None, names: Sequence[str]) -> list[SourceConfig]:
    if names:
        folder = str(images.absolute()) if images else None
        return [
            LlamaFactorySource(source="llamafactory", folder=str(path), dataset=name, image_folder=folder)
            for name in names
        ]
    asked = AutoSource(source="auto", path=str(path), images=None if images is None else str(images.absolute()))
    try:
        return [resolved(asked)[0]]
    except DataError as error:
        hint = "; here by --dataset NAME" if (path / REGISTRY).is_file() else ""
        if str(error).endswith("by images"):
            hint = ", here --images DIR"
        raise CheckError(f"data: {error}{hint}") from error
