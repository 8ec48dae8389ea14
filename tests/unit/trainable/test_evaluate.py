"""What one evaluation of the embedded tiny base gives."""

import dataclasses
import math

import pytest
import torch
from made_rows import example_of, made_record, mixed_records
from torch.nn.functional import log_softmax

from spaces import METRICS, DataConfig
from trainable.boxes import Box
from trainable.data.collate import collate
from trainable.data.sources import read_sources
from trainable.evaluation import evaluate as evaluate_module
from trainable.evaluation.evaluate import ScoredRow, evaluate, teacher_forced
from trainable.evaluation.generate import generate_answers
from trainable.evaluation.parts import Part, combined, perplexity
from trainable.evaluation.text import TextAnswer, score_text

COUNTED = ("text.perplexity", "text.token_accuracy")


def rows_of(records, base):
    return [ScoredRow(record, example_of(record, base)) for record in records]


def evaluated(rows, base, *, in_detail=False, constant=None, longest=16):
    settings = {"batch": 3, "max_new_tokens": longest, "in_detail": in_detail}
    return evaluate(base.model, base, rows, constant_box_1000=constant, **settings)


def scores_of(rows, base, *, in_detail=False):
    return evaluated(rows, base, in_detail=in_detail).scores


@pytest.fixture(scope="module")
def rows(base):
    return rows_of(mixed_records(), base)


def predictions(row, base):
    """Give log-probabilities at each supervised token, and the tokens: of one row alone, from all of its logits."""
    batch = collate([row.example], base)
    with torch.no_grad():
        logits = base.model(**batch.inputs).logits[0].double()
    return log_softmax(logits, dim=-1)[batch.keep[0]], batch.targets.labels


def test_perplexity_and_token_accuracy_are_those_of_single_rows(base, rows):
    found = [predictions(row, base) for row in rows if row.record.task == "text"]
    assert 0 < len(found) < len(rows)
    tokens = sum(len(labels) for _, labels in found)
    nats = -sum(logs[torch.arange(len(labels)), labels].sum().item() for logs, labels in found)
    right = sum(int((logs.argmax(dim=-1) == labels).sum()) for logs, labels in found)
    scores = teacher_forced(base.model, base, rows, batch=3)
    assert scores["text.perplexity"] == pytest.approx(math.exp(nats / tokens), rel=1e-4)
    assert scores["text.token_accuracy"] == right / tokens


def test_perplexity_of_text_alone_is_the_exponential_of_its_cross_entropy(base, rows):
    text = [row for row in rows if row.record.task == "text"]
    scores = teacher_forced(base.model, base, text, batch=2)
    single_precision = 1e-5  # of the loss term's sum
    assert scores["text.perplexity"] == pytest.approx(math.exp(scores["teacher_forced.text_ce"]), rel=single_precision)


def test_grounding_rows_have_neither_perplexity_nor_token_accuracy(base, rows):
    grounding = [row for row in rows if row.record.task == "grounding"]
    assert not {*COUNTED} & {*teacher_forced(base.model, base, grounding, batch=3)}


def test_the_batch_does_not_change_what_is_counted(base, rows):
    one, all_of_them = (teacher_forced(base.model, base, rows, batch=batch) for batch in (1, 8))
    assert [one[name] for name in COUNTED] == pytest.approx([all_of_them[name] for name in COUNTED], rel=1e-4)


@pytest.mark.parametrize(
    ("nats", "expected"), [(0, 1), (math.log(7), 7), (1e4, math.exp(700)), (math.inf, math.inf), (700, math.exp(700))]
)
def test_a_perplexity_too_large_for_a_number_stays_at_the_largest(nats, expected):
    assert perplexity(nats) == pytest.approx(expected)


def test_a_perplexity_of_no_number_is_no_number():
    assert math.isnan(perplexity(math.nan))


def test_all_accepted_answers_count(base):
    record = made_record("What is it?", "a red circle")
    answer = generate_answers(base.model, base, [example_of(record, base)], batch=1, max_new_tokens=16)[0]
    wrong = made_record("What is it?", "certainly not that")
    accepted = dataclasses.replace(wrong, references=(wrong.turns[-1].answer, answer, answer))
    alone = scores_of(rows_of([wrong], base), base)
    several = scores_of(rows_of([accepted], base), base)
    assert (alone["text.exact_match"], several["text.exact_match"]) == (0, 1)
    assert "text.vqa_accuracy" not in alone
    assert several["text.vqa_accuracy"] == score_text([TextAnswer(accepted.references, answer)])["text.vqa_accuracy"]


def test_slices_are_given_on_request_and_change_no_other_score(base, rows):
    plain, sliced = scores_of(rows, base), scores_of(rows, base, in_detail=True)
    slices = {name: value for name, value in sliced.items() if name.startswith("slice.")}
    assert {name: value for name, value in sliced.items() if name not in slices} == plain
    assert slices["slice.source_0.rows"] == len(rows)
    assert slices["slice.source_0.text.token_f1"] == plain["text.token_f1"]
    assert slices["slice.source_0.grounding.miou"] == plain["grounding.miou"]


def test_rungs_give_no_single_answers(base, rows):
    assert evaluated(rows, base).predictions == ()


def test_every_answer_adds_up_to_the_reported_scores(base):
    """On answers that the tiny base generates; BLEU and chrF of the corpus are no sums."""
    shapes = DataConfig.model_validate({"sources": [{"source": "shapes", "domain": "shifted", "scenes": 12}]})
    records = read_sources(shapes).records[:24]
    people = dataclasses.replace(next(r for r in records if r.task == "text"), references=("red", "red", "blue"))
    rows = rows_of([*records, dataclasses.replace(people, id="people")], base)
    found = evaluated(rows, base, in_detail=True, constant=Box(200, 200, 800, 800), longest=40)
    assert sorted(one.item for one in found.predictions) == sorted(row.record.id for row in rows)
    ratios = combined(
        {name: Part(score, one.weights[name]) for name, score in one.scores.items()} for one in found.predictions
    )
    reported = {name: value for name, value in found.scores.items() if name in METRICS}
    assert set(ratios) == set(reported) and len(reported) >= 17
    assert 0 < reported["grounding.miou"] < 1 and reported["text.token_f1"] > 0
    for name in reported.keys() - {"text.bleu", "text.chrf"}:
        assert ratios[name] == pytest.approx(reported[name], abs=1e-9, rel=1e-9), name
    assert ratios["text.chrf"] == pytest.approx(reported["text.chrf"], abs=0.3)


def test_an_answer_carries_its_text_and_its_boxes(base, rows, monkeypatch):
    said = "<|box_start|>(100,200),(300,400)<|box_end|> and <|box_start|>(1,2),(3,4)<|box_end|>"
    ask = evaluate_module.forced_and_generated
    monkeypatch.setattr(
        evaluate_module,
        "forced_and_generated",
        lambda model, base, examples, **more: (ask(model, base, examples, **more)[0], [said] * len(examples)),
    )
    tasks = {row.record.id: row.record.task for row in rows}
    for one in evaluated(rows, base, in_detail=True).predictions:
        is_grounding = tasks[one.item] == "grounding"
        assert one.text == said
        assert one.boxes_1000 == ((100, 200, 300, 400, 1, 2, 3, 4) if is_grounding else ())
        assert ("grounding.miou" in one.scores, "text.bleu" in one.scores) == (is_grounding, not is_grounding)
