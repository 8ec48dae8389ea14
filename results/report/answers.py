"""What trials answered to the examples that have a thumbnail, as the page shows it side by side."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

LONGEST_TEXT = 600
"""Letters of a question or an answer; a longer one ends in an ellipsis."""

MOST_TEXT_ITEMS = 8
"""Examples without an image beside those with a thumbnail."""


@dataclass(frozen=True)
class Answers:
    """Examples and answers that the page shows.

    Attributes:
        items: The examples as JSON-ready objects.
        images: Thumbnails as data addresses; an item names its own by place.
        by_trial: For each trial, an answer for each item or ``None``.
        notes: What was left out.

    """

    items: Sequence[Mapping[str, Any]]
    images: Sequence[str]
    by_trial: Mapping[int, Sequence[Mapping[str, Any] | None]]
    notes: tuple[str, ...]


def shown_items(items: pd.DataFrame) -> pd.DataFrame:
    """Give the examples that a page can show: those with a thumbnail, and a few of those that have no image."""
    own = items.loc[items["split"] == "search"]
    with_image = own.loc[own["thumbnail"].notna()]
    bare = own.loc[own["image"].fillna("") == ""].head(MOST_TEXT_ITEMS)
    return pd.concat([with_image, bare])


def answers(
    items: pd.DataFrame,
    predictions: pd.DataFrame,
    order: Iterable[int],
    *,
    scores: Sequence[str],
    image_bytes: int,
    text_bytes: int,
) -> Answers:
    """Choose examples and answers within a budget.

    Args:
        items: Rows of the splits.
        predictions: Answers of the search itself.
        order: Numbers of trials, those that must not be left out first.
        scores: Scores to show beside an answer.
        image_bytes: Room for thumbnails in the page.
        text_bytes: Room for answers in the page.

    """
    images: list[str] = []
    places: dict[str, int] = {}
    shown: list[dict[str, Any]] = []
    candidates = shown_items(items).to_dict("records")
    left = image_bytes
    for row in candidates:
        place = None
        if isinstance(row["thumbnail"], bytes):
            address = "data:image/jpeg;base64," + base64.b64encode(row["thumbnail"]).decode("ascii")
            if address not in places:
                left -= len(address)
                if left < 0:
                    continue
                places[address] = len(images)
                images.append(address)
            place = places[address]
        shown.append(_item(row, place))
    by_trial, dropped = _by_trial(predictions, [one["id"] for one in shown], order, scores=scores, room=text_bytes)
    notes: list[str] = []
    total = len(items.loc[items["split"] == "search"])
    if total > len(shown):
        notes.append(
            f"The page shows {len(shown)} of the search split's {total:,} rows, those that the record has a small"
            " picture of; items/ and predictions/ hold them all."
        )
    if dropped:
        notes.append(f"The answers of {dropped:,} more trials are left out; predictions/ has them.")
    return Answers(items=shown, images=images, by_trial=by_trial, notes=tuple(notes))


def _item(row: Mapping[str, Any], place: int | None) -> dict[str, Any]:
    return {
        "id": str(row["item"]),
        "task": str(row["task"]),
        "question": _short(str(row["question"] or "").replace("<image>", "").strip()),
        "answer": _short(row["answer"]),
        "references": [_short(text) for text in _listed(row["references"])][:3],
        "boxes": [round(float(value), 1) for value in _listed(row["boxes_1000"])],
        "slices": [str(name) for name in _listed(row["slices"])],
        "image": place,
        "width": _whole(row["width"]),
        "height": _whole(row["height"]),
    }


def _by_trial(
    predictions: pd.DataFrame, ids: Sequence[str], order: Iterable[int], *, scores: Sequence[str], room: int
) -> tuple[dict[int, list[dict[str, Any] | None]], int]:
    if not ids or predictions.empty:
        return {}, 0
    own = predictions.loc[predictions["run"].isna() & predictions["item"].isin(ids)]
    own = own.sort_values(["attempt", "step"], kind="stable").drop_duplicates(["trial", "item"], keep="last")
    groups = {int(str(trial)): rows for trial, rows in own.groupby("trial")}
    found: dict[int, list[dict[str, Any] | None]] = {}
    left = room
    for trial in dict.fromkeys(order):
        if trial not in groups:
            continue
        by_item = {str(row["item"]): _answer(row, scores) for row in groups[trial].to_dict("records")}
        listed = [by_item.get(item) for item in ids]
        left -= len(json.dumps(listed, ensure_ascii=False).encode())
        if left < 0 and found:
            break
        found[trial] = listed
    return found, len(groups) - len(found)


def _answer(row: Mapping[str, Any], scores: Sequence[str]) -> dict[str, Any]:
    found: dict[str, float] = {}
    for name in scores:
        score, weight = (_number(row.get(f"{part}.{name}")) for part in ("score", "weight"))
        if score is not None and weight:
            ratio = score / weight
            found[name] = round(math.exp(ratio) if name == "text.perplexity" else ratio, 4)
    boxes = [round(float(value), 1) for value in _listed(row["boxes_1000"])]
    return {"text": _short(row["prediction"]), "boxes": boxes, "scores": found}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _listed(value: Any) -> list[Any]:
    """Read a cell with a list, which is null in a record of another kind."""
    return list(value) if value is not None and hasattr(value, "__len__") and not isinstance(value, str) else []


def _whole(value: Any) -> int | None:
    return None if value is None or pd.isna(value) else int(value)


def _short(value: Any) -> str:
    text = "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value)
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
