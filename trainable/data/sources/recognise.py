"""Data sets that are known by their looks and not read: each is refused by its name, with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_CONVERT = "paretune does not read it; convert it to COCO, Pascal VOC or YOLO"

_TABLES: Mapping[str, frozenset[str]] = {
    f"OpenImages boxes; {_CONVERT}": frozenset({"ImageID", "LabelName", "XMin", "YMin"}),
    f"one detection box a row (filename, class, xmin, …); {_CONVERT}": frozenset({"filename", "class", "xmin"}),
    f"VGG Face 2 boxes or landmarks; {_CONVERT}": frozenset({"NAME_ID"}),
    "COCO results (boxes with scores); they are a detector's output, no annotations": frozenset(
        {"image_id", "category_id", "bbox", "score"}
    ),
    "elements of screens (UI), without a phrase for one box; give rows of image, phrase and bbox": frozenset(
        {"image", "instruction", "elements"}
    ),
}

_OBJECTS: Mapping[str, frozenset[str]] = {
    f"LabelMe shapes; {_CONVERT}": frozenset({"shapes", "imagePath"}),
    f"a VoTT export; {_CONVERT}": frozenset({"assets", "tags", "videoSettings"}),
    "elements of a screen as UIED finds them; give rows of image, phrase and bbox": frozenset({"compos", "img_shape"}),
    "texts of a screen as UIED finds them; give rows of image, phrase and bbox": frozenset({"texts", "img_shape"}),
    "answers of VQA v2; use source: vqa and name its questions too": frozenset({"annotations", "data_subtype"}),
    "generated expressions without their refs (sent, ref_id); RefCOCO needs refs and instances": frozenset(
        {"predictions"}
    ),
    "camera parameters; there is nothing to train on": frozenset({"cam_params"}),
}


_FILES: Mapping[str, str] = {
    "*_bbx_gt.txt": f"WIDER FACE boxes; {_CONVERT}",
    "label_2/*.txt": f"KITTI labels; {_CONVERT}",
    "tracklet_labels.xml": f"KITTI tracklets; {_CONVERT}",
    "instance/*.png": f"KITTI segmentation; {_CONVERT}",
    "bb_landmark/*.csv": f"VGG Face 2 boxes; {_CONVERT}",
    "*-export.json": f"a VoTT export; {_CONVERT}",
    "*.tfrecord": f"TFRecords; {_CONVERT}",
    "Annotations/*/*.xml": f"LabelMe annotations; {_CONVERT}",
    "key/*.json": "receipts with key fields (SROIE); give rows of image, question and answer",
    "ip/*.json": "elements of screens as UIED finds them; give rows of image, phrase and bbox",
    "*annotations.xml": f"CVAT annotations; {_CONVERT}",
    "*.xml": f"XML files below folders of other names than Annotations, perhaps CVAT's or LabelMe's; {_CONVERT}",
}
"""Patterns of paths that show a kind of data set, most telling first."""


def unsupported_folder(folder: Path) -> str | None:
    """Say what the files below a folder show that it is, if that is known and not read."""
    for pattern, what in _FILES.items():
        if any(folder.rglob(pattern)):
            return what
    return None


def unsupported_table(row: Any) -> str | None:
    """Say what a table's first row shows that it is, if that is known and not read; bytes are never looked at."""
    if not isinstance(row, dict):
        return None
    return next((what for what, columns in {**_TABLES, **_OBJECTS}.items() if columns <= row.keys()), None)
