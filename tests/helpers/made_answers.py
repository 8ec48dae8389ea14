"""Adds examples with pictures, answers of single trials and confirmation runs to a made sweep."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from made_sweep import METADATA, MIOU, START, TEXT
from PIL import Image, ImageDraw

from results import RecordWriter, read_sweep
from results.rows import ConfirmationRow, ItemRow, PredictionRow

COLOURS = ("#c0392b", "#2471a3", "#1e8449", "#b7950b", "#6c3483")
SHAPES = ("circle", "square", "triangle")
DUPLICATES = "grounding.duplicate_rate"
PARSE_FAILURES = "grounding.parse_failure_rate"


@dataclass(frozen=True)
class Scene:
    """A drawn picture with one shape."""

    jpeg: bytes
    box: tuple[int, int, int, int]
    colour: str
    shape: str


def made_scene(random: Random, *, side: int = 320) -> Scene:
    """Draw a shape on a plain ground; the box is in thousandths."""
    size = random.randint(250, 450)
    x, y = random.randint(0, 1000 - size), random.randint(0, 1000 - size)
    colour, shape = random.choice(COLOURS), random.choice(SHAPES)
    picture = Image.new("RGB", (side, side * 3 // 4), "#e8e4da")
    draw = ImageDraw.Draw(picture)
    scale_x, scale_y = picture.width / 1000, picture.height / 1000
    place = (x * scale_x, y * scale_y, (x + size) * scale_x, (y + size) * scale_y)
    match shape:
        case "circle":
            draw.ellipse(place, fill=colour)
        case "square":
            draw.rectangle(place, fill=colour)
        case _:
            draw.polygon([(place[0], place[3]), ((place[0] + place[2]) / 2, place[1]), place[2:]], fill=colour)
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=80)
    return Scene(target.getvalue(), (x, y, x + size, y + size), colour, shape)


def made_items(count: int, *, seed: int = 0, split: str = "search", thumbnails: int = 24) -> list[ItemRow]:
    """Give examples: of each scene a box and a text to tell; the first ones with a thumbnail."""
    random = Random(seed)
    rows: list[ItemRow] = []
    for place in range(count // 2):
        scene = made_scene(random)
        jpeg = scene.jpeg if 2 * place < thumbnails else None
        shared = {"split": split, "source": 0, "image": f"{split}-{place}", "width": 640, "height": 480}
        rows.append(
            ItemRow(
                **shared,
                item=f"{split}-{place}-box",
                task="grounding",
                kind="referring",
                question=f"<image>Where is the {scene.shape}?",
                answer="the box",
                boxes_1000=scene.box,
                slices=("size_large" if scene.box[2] - scene.box[0] > 350 else "size_medium",),
                thumbnail=jpeg,
            )
        )
        rows.append(
            ItemRow(
                **shared,
                item=f"{split}-{place}-text",
                task="text",
                kind="question",
                question=f"<image>What colour has the {scene.shape}?",
                answer=f"The {scene.shape} is {scene.colour}",
                references=(f"The {scene.shape} is {scene.colour}", scene.colour),
                thumbnail=jpeg,
            )
        )
    return rows


def made_predictions(
    items: Sequence[ItemRow], trial: int, scores: Mapping[str, float], *, seed: int = 0, run: int | None = None
) -> list[PredictionRow]:
    """Give answers whose mean scores lie near the given ones."""
    random = Random(f"{seed} {trial} {run}")
    rows: list[PredictionRow] = []
    for item in items:
        if item.task == "grounding":
            overlap = min(max(random.gauss(scores[MIOU], 0.15), 0.02), 1.0)
            x0, y0, x1, y1 = item.boxes_1000
            box = (x0, y0, round(x0 + (x1 - x0) * overlap), y1)
            missing = random.random() < 0.03
            parts = {MIOU: 0.0 if missing else overlap, PARSE_FAILURES: float(missing)}
            said, boxes = ("no idea", ()) if missing else (f"({box[0]},{box[1]}),({box[2]},{box[3]})", box)
            weights = dict.fromkeys(parts, 1.0)
            if not missing:
                parts, weights = {**parts, DUPLICATES: 0.0}, {**weights, DUPLICATES: 1.0}
        else:
            right = random.random() < scores[TEXT]
            said = item.answer if right else "I can't tell <b>what</b> it is"
            boxes, parts, weights = (), {TEXT: float(right)}, {TEXT: 1.0}
        rows.append(
            PredictionRow(
                trial=trial,
                run=run,
                attempt=0,
                step=40,
                split=item.split,
                item=item.item,
                prediction=said,
                boxes_1000=tuple(float(edge) for edge in boxes),
                scores=parts,
                weights=weights,
            )
        )
    return rows


def add_answers(folder: Path, *, rows: int = 60, confirmed: Sequence[int] = (), runs: int = 3, seed: int = 0) -> Path:
    """Record examples, answers of every completed trial, and confirmation runs of some."""
    tables = read_sweep(folder)
    writer = RecordWriter(folder, tables.columns, METADATA)
    search = made_items(rows, seed=seed)
    confirm = made_items(rows, seed=seed + 1, split="confirm", thumbnails=0)
    writer.append_items([*search, *confirm])
    complete = tables.trials.loc[tables.trials["state"] == "COMPLETE"]
    finals = {int(row["trial"]): {n: row[f"value.{n}"] for n in (MIOU, TEXT)} for row in complete.to_dict("records")}
    for trial, scores in finals.items():
        writer.append_predictions(made_predictions(search, trial, scores, seed=seed))
    number = 0
    for trial in confirmed:
        for _ in range(runs):
            lower = {name: score - 0.02 for name, score in finals[trial].items()}
            answers = made_predictions(confirm, trial, lower, seed=seed, run=number)
            writer.append_predictions(answers)
            metrics = {
                name: sum(a.scores[name] for a in answers if name in a.scores)
                / sum(a.weights[name] for a in answers if name in a.weights)
                for name in (MIOU, TEXT)
            }
            writer.append_confirmation(
                ConfirmationRow(
                    run=number,
                    trial=trial,
                    seed=9000 + number,
                    split="confirm",
                    state="COMPLETE",
                    reason="final step reached",
                    steps=40,
                    seconds=240.0,
                    started=START + timedelta(days=1, minutes=number),
                    ended=START + timedelta(days=1, minutes=number + 4),
                    metrics=metrics,
                )
            )
            number += 1
    return folder
