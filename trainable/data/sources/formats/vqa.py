"""A question about an image, with one answer or those of several people: VQA v2, TextVQA, DocVQA, GQA as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from reprlib import repr as shortened
from typing import Any

from trainable.data.records import IMAGE_TAG, Turn
from trainable.data.sources.draft import Draft, images_of, listed, text_of
from trainable.errors import DataError


def matches(row: Mapping[str, Any]) -> str | None:
    """Say what shows that a row is of this format, or give ``None``."""
    if "question" not in row:
        return None
    return next((f"the columns question and {name}" for name in ("answers", "answer") if name in row), None)


def drafts_of(row: Mapping[str, Any]) -> list[Draft]:
    """Read one row.

    Raises:
        DataError: If it can't be used.

    """
    images = images_of(row)
    question = text_of(row["question"], "question")
    if IMAGE_TAG not in question:
        question = IMAGE_TAG * len(images) + question
    return [vqa_draft(question, row, images)]


def vqa_draft(question: str, answered: Mapping[str, Any], images: Sequence[Any]) -> Draft:
    """Make a conversation of a question.

    Args:
        question: With its image tags.
        answered: Holds ``answers`` or ``answer``; and the answer to train on as ``multiple_choice_answer``, else it is
            the most frequent, the first of several.
        images: What stands for the images.

    Raises:
        DataError: If there is no answer, or one is no text.

    """
    said = next((answered[name] for name in ("answers", "answer") if answered.get(name) is not None), None)
    answers = [_answer_text(one) for one in listed(said, "answers")]
    chosen = answered.get("multiple_choice_answer")
    chosen = text_of(chosen, "multiple_choice_answer") if chosen else None
    if not answers and chosen is None:
        raise DataError("the question has no answer")
    trained = chosen if chosen is not None else Counter(answers).most_common(1)[0][0]
    others = list(answers)
    if trained in others:
        others.remove(trained)
    references = (trained, *others) if others else ()
    return Draft(None, (Turn(question, trained),), tuple(images), references=references)


def _answer_text(value: Any) -> str:
    """Give one person's answer: a text, or VQA v2's object around it."""
    found = value.get("answer") if isinstance(value, dict) else value
    if not isinstance(found, str):
        raise DataError(f"an answer must be a text; got {shortened(value)}")
    return found
