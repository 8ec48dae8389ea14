"""Whether a base is of a family that paretune trains, before it is downloaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from search.errors import CheckError
from spaces import ModelConfig
from trainable.errors import ModelError
from trainable.model.family import FAMILIES
from trainable.model.load import load_processor
from trainable.model.tiny import TINY_NAME

_TEMPLATES: Mapping[str, str] = {
    "qwen2_vl": "Qwen2-VL or Qwen2.5-VL",
    "qwen2_5_vl": "Qwen2.5-VL",
    "qwen3_vl": "Qwen3-VL",
    "qwen3_vl_nothink": "Qwen3-VL",
}
_NAMES = re.compile(r"qwen-?_?(2|2[._]5|3)-?_?vl", re.IGNORECASE)


def family_of_template(template: str) -> str | None:
    """Name the families of a chat template of LLaMA-Factory, or give ``None`` for those of other models."""
    return _TEMPLATES.get(template)


def checked_model(
    path: str, *, dtype: Literal["float32", "bfloat16"], max_pixels: int | None, template: str | None = None
) -> ModelConfig:
    """Give the base's section of a sweep file.

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
        load_processor(model, only_local=True)
    except ModelError as error:
        if Path(path).is_dir() or not str(error).startswith("can't load"):
            raise CheckError(f"model: {error}") from error
        if path != TINY_NAME and template is None and not _NAMES.search(path):
            names = ", ".join(family.name for family in FAMILIES.values())
            raise CheckError(
                f"model: {path!r} is not on this machine, and its name is of none of the families that paretune trains "
                f"({names}); give the folder of a local copy"
            ) from error
    return model
