"""Reader of drawn scenes: rows without files."""

from __future__ import annotations

from trainable.data.records import IMAGE_TAG, Record, Turn
from trainable.data.scene_questions import SceneQuestion, scene_questions
from trainable.data.scenes import Domain, SceneImage, make_scene


def read_shapes(*, domain: Domain, scenes: int, seed: int) -> list[Record]:
    """Give every question about a number of drawn scenes.

    Args:
        domain: ``base`` is what the tiny base was trained on; ``shifted`` has colours, forms, backgrounds and wordings
            that it has not seen together with a picture.
        scenes: Number of pictures; about four rows each.
        seed: Names the series of scenes. The tiny base has seen none below 2**32.

    Returns:
        Rows in the order of the scenes, about as many with a box as without. All shapes count as one class, told apart
        by colour and form: the others are distractors.

    """
    records: list[Record] = []
    for index in range(scenes):
        image = SceneImage(domain, seed, index)
        scene = make_scene(domain, seed=seed, index=index)
        seen: dict[str, int] = {}
        for question in scene_questions(scene, domain=domain, index=index):
            seen[question.kind] = seen.get(question.kind, 0) + 1
            suffix = f"-{seen[question.kind]}" if seen[question.kind] > 1 else ""
            name = f"{image.key}#{question.kind}{suffix}"
            records.append(_record(image, question, name, distractors=len(scene.shapes) - 1))
    return records


def _record(image: SceneImage, question: SceneQuestion, name: str, *, distractors: int) -> Record:
    return Record(
        id=name,
        task="grounding" if question.box_1000 else "text",
        kind=question.kind,
        images=(image,),
        turns=(Turn(IMAGE_TAG + question.question, question.answer),),
        boxes_1000=(question.box_1000,) if question.box_1000 else (),
        distractors=distractors if question.box_1000 else None,
    )
