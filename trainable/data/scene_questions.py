"""What is asked about a scene, and the right answers, in the wording of each domain."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from trainable.boxes import Box
from trainable.data.scenes import LOOKS, Domain, Scene, Shape
from trainable.markup import reference_text

Kind = Literal["locate", "colour", "count", "describe"]


@dataclass(frozen=True)
class SceneQuestion:
    """A question about a scene; ``box_1000`` is the box in its answer, if any."""

    kind: Kind
    question: str
    answer: str
    box_1000: Box | None = None


def locate_question(shape: Shape) -> SceneQuestion:
    """Ask where a shape is; both domains answer in the native form."""
    answer = reference_text(shape.phrase, shape.box_1000)
    return SceneQuestion("locate", f"Where is {shape.phrase}?", answer, shape.box_1000)


def colour_question(shape: Shape, *, domain: Domain) -> SceneQuestion:
    """Ask for the colour of a form."""
    return SceneQuestion(
        "colour", f"What colour is the {shape.name}?", _colour_answer(shape.name, shape.colour, domain=domain)
    )


def count_question(scene: Scene) -> SceneQuestion:
    """Ask for the number of shapes; both domains answer alike."""
    return SceneQuestion("count", "How many shapes are there?", f"There are {len(scene.shapes)}.")


def describe_question(scene: Scene, *, domain: Domain) -> SceneQuestion:
    """Ask for all shapes: from left to right in ``base``, from top to bottom in ``shifted``."""
    if domain == "base":
        ordered = sorted(scene.shapes, key=lambda shape: (shape.box_px.x1, shape.box_px.y1))
    else:
        ordered = sorted(scene.shapes, key=lambda shape: (shape.box_px.y1, shape.box_px.x1))
    phrases = [shape.phrase for shape in ordered]
    return SceneQuestion("describe", "Describe the picture.", _description(phrases, domain=domain))


def _colour_answer(name: str, colour: str, *, domain: Domain) -> str:
    return f"It is {colour}." if domain == "base" else f"The {name} is {colour}."


def _description(phrases: list[str], *, domain: Domain) -> str:
    return f"I see {' and '.join(phrases)}." if domain == "base" else f"From top to bottom: {', '.join(phrases)}."


def scene_questions(scene: Scene, *, domain: Domain, index: int) -> list[SceneQuestion]:
    """Give the questions of one scene, about as many boxes as texts.

    Args:
        scene: Asked about.
        domain: Whose wording.
        index: The scene's number; even ones are counted, odd ones described.

    Returns:
        One ``locate`` for every shape, one ``colour``, and ``count`` or ``describe``.

    """
    return [
        *(locate_question(shape) for shape in scene.shapes),
        colour_question(scene.shapes[0], domain=domain),
        describe_question(scene, domain=domain) if index % 2 else count_question(scene),
    ]


def echo_text(rng: random.Random) -> str:
    """Give a text of the words of both domains, to be repeated without looking.

    It trains the embedding rows of words that the base never sees in a picture; a LoRA on linear layers can't.
    """
    domain: Domain = rng.choice(("base", "shifted", "shifted"))
    colours = sorted({*LOOKS["base"].colours, *LOOKS["shifted"].colours})
    names = sorted({*LOOKS["base"].shapes, *LOOKS["shifted"].shapes})
    phrases = [f"the {rng.choice(colours)} {rng.choice(names)}" for _ in range(rng.randint(1, 3))]
    match rng.randrange(4):
        case 0:
            return _colour_answer(rng.choice(names), rng.choice(colours), domain=domain)
        case 1:
            return _description(phrases, domain=domain)
        case 2:
            return " ".join(rng.choice((*colours, *names)) for _ in range(rng.randint(2, 6)))
        case _:
            return ", ".join(phrases)


def echo_question(text: str) -> str:
    """Ask for a text to be repeated."""
    return f"Repeat: {text}"
