"""Whether a base is of a family that paretune trains, before it is downloaded."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from search.errors import CheckError
from spaces import ModelConfig
from trainable.errors import ModelError
from trainable.model.family import FAMILIES, Family
from trainable.model.load import load_processor
from trainable.model.tiny import TINY_NAME

TEMPLATES: Mapping[str, Sequence[str]] = {
    "qwen2_vl": ("Qwen2-VL", "Qwen2.5-VL"),
    "qwen2_5_vl": ("Qwen2.5-VL",),
    "qwen3_vl": ("Qwen3-VL",),
    "qwen3_vl_nothink": ("Qwen3-VL",),
}
"""The families of a chat template of LLaMA-Factory."""

_NAMES = re.compile(r"qwen-?_?(2|2[._]5|3)-?_?vl", re.IGNORECASE)


def is_path(name: str) -> bool:
    """Tell whether the name of a base can only be a folder: on the hub it is ``NAME`` or ``OWNER/NAME``."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1


def templates_for(family: str) -> Sequence[str]:
    """Give the chat templates of LLaMA-Factory that fit a family, the one to choose first."""
    return [template for template, families in TEMPLATES.items() if family in families]


def checked_model(
    path: str, *, dtype: Literal["float32", "bfloat16"], max_pixels: int | None, template: str | None = None
) -> tuple[ModelConfig, Family | None]:
    """Give the base's section of a sweep file, and its family if this machine holds it.

    What this machine holds is looked at; of a name on the hub only the name is known.

    Args:
        path: ``tiny``, a folder, or a name on the hub.
        dtype: Number format of its weights.
        max_pixels: Largest number of pixels of an image.
        template: LLaMA-Factory's, which tells the family too.

    Raises:
        CheckError: If it is of another family.

    """
    model = ModelConfig(path=path, dtype=dtype, max_pixels=max_pixels)
    try:
        return model, load_processor(model, only_local=True).family
    except ModelError as error:
        if Path(path).is_dir() or not str(error).startswith("can't load"):
            raise CheckError(f"model: {error}") from error
        if is_path(path):
            raise CheckError(
                f"model: there is no folder {path!r}; expected tiny, the folder of a local copy, or a name on the hub "
                "such as Qwen/Qwen2-VL-2B-Instruct"
            ) from error
        if path != TINY_NAME and template is None and not _NAMES.search(path):
            names = ", ".join(family.name for family in FAMILIES.values())
            raise CheckError(
                f"model: {path!r} is not on this machine, and its name is of none of the families that paretune trains "
                f"({names}); give the folder of a local copy"
            ) from error
    return model, None
