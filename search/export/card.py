"""The model card of an exported adapter: front matter that the Hugging Face hub reads, and what a person asks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from results.report.headline import NOT_CONFIRMED
from results.schema import Objective
from results.words import score_text
from search.export.chosen import ChosenTrial
from search.export.confirmed import Confirmed
from search.export.intervals import Intervals
from search.export.llamafactory import not_expressed
from search.spec import SweepSpec
from spaces import METRICS
from spaces.metrics import CONSTANT_BOX, CONTROLS
from trainable.model.load import Processor

CARD_FILE = "README.md"
UNKNOWN_LICENCE = "unknown"
"""The hub's own word for it."""

_TEMPLATES = Path(__file__).parents[1] / "templates"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_VERSION = "version."


@dataclass(frozen=True)
class Licence:
    """What a user says about the adapter's licence.

    Attributes:
        id: As the hub lists it, such as ``apache-2.0``; ``other`` for one that it does not; ``unknown`` if not told.
        name: Of an ``other`` licence.
        link: To its text.

    """

    id: str = UNKNOWN_LICENCE
    name: str | None = None
    link: str | None = None


@dataclass(frozen=True)
class ScoreRow:
    """One score of the card's table, as texts."""

    name: str
    meaning: str
    better: str
    own: str
    interval: str
    baseline: str
    gain: str
    constant_box: str


def card_text(
    spec: SweepSpec,
    trial: ChosenTrial,
    processor: Processor,
    *,
    name: str,
    base: str,
    licence: Licence,
    metadata: Mapping[str, str],
    intervals: Intervals,
    confirmed: Sequence[Confirmed],
    has_adapter: bool,
) -> str:
    """Write the card.

    Args:
        spec: The sweep.
        trial: That is exported.
        processor: Of the base.
        name: Of the adapter.
        base: Folder of the base model, or its name on the hub.
        licence: Of the adapter.
        metadata: Lineage of the sweep.
        intervals: Of 95 %, for scores that have one.
        confirmed: What ``paretune confirm`` measured of this trial.
        has_adapter: Whether the weights lie beside the card.

    Returns:
        Markdown with YAML front matter.

    """
    is_named = _HUB_NAME.fullmatch(base) is not None and not Path(base).exists()
    front = _front_matter(trial, name=name, base=base if is_named else None, licence=licence, metadata=metadata)
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("card.md.jinja").render(
        front=front,
        name=name,
        base=base,
        is_named=is_named,
        spec=spec,
        trial=trial,
        family=processor.family,
        max_pixels=processor.image_processor.size["longest_edge"],
        licence=licence,
        rows=_score_rows(trial, intervals),
        intervals=intervals,
        confirmed=confirmed,
        not_confirmed=NOT_CONFIRMED,
        settings=trial.used,
        searched=[key for key in spec.space.dimensions if key in trial.used],
        not_expressed=not_expressed(trial.settings, spec),
        sources=[_source_text(source.model_dump(exclude_none=True)) for source in spec.data.sources],
        metadata=metadata,
        versions={key.removeprefix(_VERSION): text for key, text in metadata.items() if key.startswith(_VERSION)},
        has_adapter=has_adapter,
    )


def _front_matter(
    trial: ChosenTrial, *, name: str, base: str | None, licence: Licence, metadata: Mapping[str, str]
) -> str:
    data = ModelCardData(
        base_model=base,
        library_name="peft",
        license=licence.id,
        license_name=licence.name,
        license_link=licence.link,
        pipeline_tag="image-text-to-text",
        tags=["lora", "qwen2-vl", "visual-grounding", "paretune"],
        model_name=name,
        eval_results=[
            EvalResult(
                task_type="image-text-to-text",
                dataset_type="paretune",
                dataset_name="search split",
                dataset_args={"data_hash": metadata.get("data_hash", "unknown")},
                metric_type=metric,
                metric_name=metric,
                metric_value=trial.scores[metric],
            )
            for metric in METRICS
            if metric in trial.scores and metric not in CONTROLS
        ],
    )
    return data.to_yaml(line_break="\n")


def _score_rows(trial: ChosenTrial, intervals: Intervals) -> list[ScoreRow]:
    rows: list[ScoreRow] = []
    for name, metric in METRICS.items():
        if name not in trial.scores or name in CONTROLS:
            continue
        shown = Objective(name, metric.direction, metric.low, metric.high)
        rows.append(
            ScoreRow(
                name=name,
                meaning=metric.meaning,
                better="higher" if metric.direction == "maximize" else "lower",
                own=score_text(trial.scores[name], shown),
                interval=_span(intervals.own.get(name), shown),
                baseline=score_text(trial.baseline.get(name), shown),
                gain=_span(intervals.gains.get(name), shown, signed=True),
                constant_box=score_text(trial.scores.get(CONSTANT_BOX.get(name, "")), shown),
            )
        )
    return rows


def _span(interval: tuple[float, float] | None, shown: Objective, *, signed: bool = False) -> str:
    if interval is None:
        return "unknown"
    signs = ["+" if signed and end > 0 else "" for end in interval]
    return " to ".join(f"{sign}{score_text(end, shown)}" for sign, end in zip(signs, interval, strict=True))


def _source_text(source: Mapping[str, Any]) -> str:
    """Name a data set without the folders of the machine that it lay on."""
    paths = ("path", "annotations", "questions", "refs", "labels")
    name = source.get("dataset") or next((Path(source[key]).name for key in paths if key in source), None)
    told = [f"{key} {source[key]}" for key in ("domain", "scenes", "share", "split") if key in source]
    return " ".join([source["source"], *([f"`{name}`"] if name else []), *([f"({', '.join(told)})"] if told else [])])
