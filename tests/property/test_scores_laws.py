"""Laws of the scores, and slow implementations that they must equal."""

import json
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, permutations
from statistics import mean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask
from rapidfuzz.distance import LCSseq
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import corpus_bleu

from spaces import METRICS
from trainable.boxes import Box, iou
from trainable.evaluation.grounding import GroundedAnswer, grounding_parts, matched_pairs, reaches, score_grounding
from trainable.evaluation.prediction import Prediction, plain_predictions, predictions_from
from trainable.evaluation.text import TextAnswer, WordTokenizer, score_text, sentence_parts, text_parts, vqa_normalised

SMALL = 12


@st.composite
def boxes(draw, largest=SMALL):
    x1, y1 = draw(st.integers(0, largest - 1)), draw(st.integers(0, largest - 1))
    return Box(x1, y1, draw(st.integers(x1 + 1, largest)), draw(st.integers(y1 + 1, largest)))


def box_tuples(least, most, *kinds):
    return st.lists(st.one_of(boxes(), *kinds), min_size=least, max_size=most).map(tuple)


close_boxes = st.builds(Box, st.integers(0, 4), st.just(0), st.integers(8, 12), st.integers(9, 10))
"""Boxes of which many overlap each other by more than one half."""


grounded = st.builds(GroundedAnswer, true=box_tuples(1, 4), predicted=box_tuples(0, 4))
words = st.text("abc é一ก!.'", max_size=12)
short = st.text("ab ", max_size=6)
text_answers = st.builds(TextAnswer, st.lists(words, min_size=1, max_size=5).map(tuple), words)


def exact_iou(first, second):
    width = max(min(first.x2, second.x2) - max(first.x1, second.x1), 0)
    height = max(min(first.y2, second.y2) - max(first.y1, second.y1), 0)
    areas = [(box.x2 - box.x1) * (box.y2 - box.y1) for box in (first, second)]
    return Fraction(width * height, sum(areas) - width * height)


def best_matching(answer):
    """Try every way to give true boxes different predicted ones, or none: most pairs first, then the largest sum."""
    places = [*range(len(answer.predicted)), *[None] * len(answer.true)]
    best = (0, Fraction(0))
    for chosen in set(permutations(places, len(answer.true))):
        overlaps = [
            exact_iou(true, answer.predicted[place])
            for true, place in zip(answer.true, chosen, strict=True)
            if place is not None
        ]
        if all(overlap >= Fraction(1, 2) for overlap in overlaps):
            best = max(best, (len(overlaps), sum(overlaps, Fraction(0))))
    return best


@settings(deadline=None)
@given(
    st.builds(GroundedAnswer, true=box_tuples(1, 4, close_boxes), predicted=box_tuples(0, 4, close_boxes, close_boxes))
)
def test_the_matching_is_the_best_of_all(answer):
    pairs = matched_pairs(answer)
    assert len({true for true, _ in pairs}) == len({found for _, found in pairs}) == len(pairs)
    overlaps = [iou(answer.true[true], answer.predicted[found]) for true, found in pairs]
    most, largest = best_matching(answer)
    assert (len(pairs), sum(overlaps)) == (most, pytest.approx(float(largest)))


@given(st.lists(st.builds(GroundedAnswer, true=box_tuples(1, 3), predicted=box_tuples(1, 3)), min_size=1, max_size=6))
def test_first_box_scores_follow_from_the_overlaps_of_pycocotools(answers):
    first = [[answer.predicted[0] for answer in answers], [answer.true[0] for answer in answers]]
    xywh = [np.array([[b.x1, b.y1, b.x2 - b.x1, b.y2 - b.y1] for b in part], dtype=float) for part in first]
    overlaps = mask.iou(*xywh, [0] * len(answers)).diagonal()
    scores = score_grounding(answers, constant_box_1000=None)
    assert scores["grounding.miou"] == pytest.approx(overlaps.mean())
    assert scores["grounding.acc50"] == pytest.approx((overlaps >= 0.5 - 1e-7).mean())


@given(st.lists(st.builds(GroundedAnswer, true=box_tuples(1, 3), predicted=box_tuples(1, 3)), min_size=1, max_size=6))
def test_thresholds_are_met_exactly_as_fractions_meet_them(answers):
    thresholds = [Fraction(hundredths, 100) for hundredths in range(50, 100, 5)]
    met = [exact_iou(answer.predicted[0], answer.true[0]) >= edge for answer in answers for edge in thresholds]
    assert score_grounding(answers, constant_box_1000=None)["grounding.acc50_95"] == pytest.approx(
        mean(map(float, met))
    )


@given(st.lists(box_tuples(1, 4), min_size=1, max_size=4))
def test_true_boxes_as_answers_are_right_in_every_grounding_score(true):
    scores = score_grounding([GroundedAnswer(part, part) for part in true], constant_box_1000=None)
    perfect = {name for name in scores if METRICS[name].direction == "maximize"}
    assert {scores[name] for name in perfect} == {1}
    assert scores["grounding.parse_failure_rate"] == 0


@given(st.lists(grounded, min_size=1, max_size=5), boxes(), st.randoms(use_true_random=False))
def test_grounding_scores_are_bounded_and_know_no_order_of_rows(answers, constant, random):
    scores = score_grounding(answers, constant_box_1000=constant)
    assert all(0 <= value <= 1 for value in scores.values())
    shuffled = list(answers)
    random.shuffle(shuffled)
    assert score_grounding(shuffled, constant_box_1000=constant) == scores


@given(st.lists(st.text("abc é一ก!.'", min_size=1, max_size=20).filter(str.strip), min_size=1, max_size=5))
def test_right_answers_are_right_in_every_text_score(texts):
    scores = score_text([TextAnswer(("another", text, text, text, text), text) for text in texts])
    assert scores == {name: pytest.approx(1) for name in scores}


@given(st.lists(text_answers, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_text_scores_are_bounded_and_know_no_order_of_rows(answers, random):
    scores = score_text(answers)
    assert all(0 <= value <= 1 for value in scores.values())
    shuffled = list(answers)
    random.shuffle(shuffled)
    assert score_text(shuffled) == scores


@given(text_answers, words)
def test_a_further_reference_never_lowers_a_score_of_the_best_reference(answer, reference):
    more = score_text([TextAnswer((*answer.references, reference), answer.answer)])
    less = score_text([answer])
    assert all(more[f"text.{name}"] >= less[f"text.{name}"] for name in ("exact_match", "token_f1", "rouge_l", "anls"))


@given(st.lists(st.tuples(words, words), max_size=4))
def test_bleu_is_that_of_sacrebleu_as_soon_as_one_answer_has_four_words(pairs):
    references, answers = zip(*pairs, ("a b c", "a b c é"), strict=True)
    expected = corpus_bleu(answers, [references]).score / 100
    rows = [TextAnswer((reference,), answer) for reference, answer in zip(references, answers, strict=True)]
    assert score_text(rows)["text.bleu"] == pytest.approx(expected)


@given(st.text(st.characters(codec="ascii")), st.text(st.characters(codec="ascii")))
def test_on_ascii_texts_rouge_l_is_that_of_the_stock_tokenizer(reference, answer):
    stock = RougeScorer(["rougeL"])
    ours = RougeScorer(["rougeL"], tokenizer=WordTokenizer())
    assert ours.score(reference, answer) == stock.score(reference, answer)


@given(st.lists(st.sampled_from("abcd"), min_size=1), st.lists(st.sampled_from("abcd"), min_size=1))
def test_rouge_l_follows_from_the_longest_common_subsequence(reference, answer):
    shared = LCSseq.similarity(reference, answer)
    expected = 2 * shared / (len(reference) + len(answer))
    scores = score_text([TextAnswer((" ".join(reference),), " ".join(answer))])
    assert scores["text.rouge_l"] == pytest.approx(expected)


def edits(first, second):
    """Count insertions, deletions and substitutions, by the textbook's table."""
    table = [[row + column for column in range(len(second) + 1)] for row in range(len(first) + 1)]
    for row, left in enumerate(first, start=1):
        for column, right in enumerate(second, start=1):
            table[row][column] = min(
                table[row - 1][column] + 1,
                table[row][column - 1] + 1,
                table[row - 1][column - 1] + (left != right),
            )
    return table[-1][-1]


@given(st.lists(short, min_size=1, max_size=3).map(tuple), short)
def test_anls_equals_a_slow_implementation(references, answer):
    best = Fraction(0)
    for reference in references:
        pair = reference.lower().strip(), answer.lower().strip()
        longest = max(map(len, pair))
        similarity = 1 - Fraction(edits(*pair), longest) if longest else Fraction(1)
        best = max(best, similarity)
    expected = float(best) if best >= Fraction(1, 2) else 0
    assert score_text([TextAnswer(references, answer)])["text.anls"] == pytest.approx(expected)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["red", "Red.", "a red", "two", "2", "blue"]), min_size=3, max_size=10).map(tuple))
def test_vqa_accuracy_equals_a_slow_implementation(people):
    for answer in ("red", "2", "green"):
        parts = list(combinations(people, len(people) - 1))
        agreeing = [sum(vqa_normalised(one) == vqa_normalised(answer) for one in part) for part in parts]
        expected = mean(min(Fraction(count, 3), Fraction(1)) for count in agreeing)
        scores = score_text([TextAnswer(people, answer)])
        assert scores["text.vqa_accuracy"] == pytest.approx(float(expected))


@given(st.text())
def test_normalising_an_answer_for_vqa_never_fails_and_leaves_no_capitals_and_no_outer_space(text):
    found = vqa_normalised(text)
    assert found == found.lower().strip()


def ratios(predictions):
    """Give scores as a reader of the record computes them."""
    names = {name for one in predictions for name in one.scores}
    return {
        name: sum(one.scores.get(name, 0) for one in predictions) / sum(one.weights.get(name, 0) for one in predictions)
        for name in names
    }


@settings(deadline=None)
@given(st.lists(grounded, min_size=1, max_size=6), boxes())
def test_parts_of_grounding_rows_add_up_to_scores_that_are_computed_from_all_rows_at_once(answers, constant):
    parts = [grounding_parts(answer, constant_box_1000=constant) for answer in answers]
    found = ratios([Prediction.of("", "", boxes_1000=(), parts=part) for part in parts])
    overlaps = [float(exact_iou(a.predicted[0], a.true[0])) if a.predicted else 0.0 for a in answers]
    predicted = [(a.predicted, place) for a in answers for place in range(len(a.predicted))]
    repeats = [
        any(reaches(float(exact_iou(all_of_it[place], other)), 0.9) for other in all_of_it[:place])
        for all_of_it, place in predicted
    ]
    pairs = sum(best_matching(answer)[0] for answer in answers)
    expected = {
        "grounding.miou": mean(overlaps),
        "grounding.acc50": mean(reaches(overlap, 0.5) for overlap in overlaps),
        "grounding.f1_50": 2 * pairs / (sum(len(a.true) for a in answers) + len(predicted)),
        "grounding.parse_failure_rate": mean(not a.predicted for a in answers),
        "grounding.constant_box_miou": mean(float(exact_iou(constant, a.true[0])) for a in answers),
    }
    if predicted:
        expected["grounding.duplicate_rate"] = mean(repeats)
    assert expected.keys() <= found.keys()
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    assert found == pytest.approx(score_grounding(answers, constant_box_1000=constant), abs=1e-9)


@settings(deadline=None)
@given(st.lists(text_answers, min_size=1, max_size=5))
def test_parts_of_text_rows_add_up_to_the_scores_of_all_rows_but_those_of_the_corpus(answers):
    found = ratios(
        [
            Prediction.of("", "", boxes_1000=(), parts={**text_parts(answer), **sentence_parts(answer)})
            for answer in answers
        ]
    )
    expected = score_text(answers)
    assert found.keys() == expected.keys()
    for name in expected.keys() - {"text.bleu", "text.chrf"}:
        assert found[name] == pytest.approx(expected[name], abs=1e-9), name
    if len(answers) == 1:
        assert found == pytest.approx(expected, abs=1e-9)


predictions = st.builds(
    Prediction,
    st.text(),
    st.text(),
    st.lists(st.floats(0, 1000), max_size=8).map(tuple),
    st.just({}),
    st.just({}),
)
scored = st.dictionaries(st.sampled_from(sorted(METRICS)), st.tuples(st.floats(), st.floats(1, 100)))


@settings(deadline=None)
@given(st.lists(st.tuples(predictions, scored), max_size=5))
def test_answers_survive_their_way_to_the_driver(pairs):
    sent = [
        Prediction(
            one.item,
            one.text,
            one.boxes_1000,
            {name: score for name, (score, _) in parts.items()},
            {name: weight for name, (_, weight) in parts.items()},
        )
        for one, parts in pairs
    ]
    heard = predictions_from(json.loads(json.dumps(plain_predictions(sent))))
    assert repr(heard) == repr(tuple(replace(one, **in_one_order(sent, one)) for one in sent))


def in_one_order(sent, one):
    """Give the cells of one row in the order of the columns, which is that in which names come up first."""
    names = list(dict.fromkeys(name for other in sent for name in other.scores))
    return {
        "scores": {name: one.scores[name] for name in names if name in one.scores},
        "weights": {name: one.weights[name] for name in names if name in one.weights},
    }
