"""Scores of texts in generated answers."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from statistics import fmean

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(text: str) -> str:
    """Lower-case a text and drop punctuation, English articles and extra spaces.

    References:
        Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text", EMNLP 2016, arXiv 1606.05250;
        its evaluation script.

    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def token_f1(reference: str, answer: str) -> float:
    """Give the harmonic mean of precision and recall over words, in 0–1; two empty texts agree."""
    true, found = normalised(reference).split(), normalised(answer).split()
    if not true or not found:
        return float(true == found)
    shared = sum((Counter(true) & Counter(found)).values())
    return 2 * shared / (len(true) + len(found))


def score_text(pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Score answers against their references.

    Args:
        pairs: Reference and generated answer of each row.

    Returns:
        ``text.*`` scores of ``spaces.metrics``; empty without rows.

    """
    if not pairs:
        return {}
    return {
        "text.exact_match": fmean(normalised(reference) == normalised(answer) for reference, answer in pairs),
        "text.token_f1": fmean(token_f1(reference, answer) for reference, answer in pairs),
    }
