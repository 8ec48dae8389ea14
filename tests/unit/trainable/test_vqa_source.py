import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from spaces.trial import RowsSource, VqaSource
from trainable.data.sources.rows import read_rows
from trainable.data.sources.vqa import read_vqa
from trainable.errors import DataError

QUESTION = {"question_id": 4, "image_id": 58, "question": "Is it red?"}
ANSWER = {"question_id": 4, "answers": [{"answer": "no"}, {"answer": "yes"}, {"answer": "yes"}]}


@pytest.fixture
def vqa(tmp_path):
    """Write questions, and perhaps answers, beside a photo of the number 58 and read them."""
    (tmp_path / "images").mkdir()
    Image.new("RGB", (200, 100)).save(tmp_path / "images" / "COCO_train2014_000000000058.jpg")

    def read(questions, answers=None):
        wrapped = {"questions": questions} if isinstance(questions, list) else questions
        (tmp_path / "questions.json").write_text(json.dumps(wrapped))
        paths = {"questions": "questions.json", "images": "images"}
        if answers is not None:
            wrapped = {"annotations": answers} if isinstance(answers, list) else answers
            (tmp_path / "answers.json").write_text(json.dumps(wrapped))
            paths["annotations"] = "answers.json"
        return read_vqa(VqaSource(source="vqa", **{key: str(tmp_path / path) for key, path in paths.items()}))

    return read


def test_the_answer_of_most_people_is_trained_and_all_count_as_right(vqa):
    result = vqa([QUESTION], [ANSWER])
    (record,) = result.records
    assert (record.turns[0].question, record.turns[0].answer) == ("<image>Is it red?", "yes")
    assert record.references == ("yes", "no", "yes")
    assert (record.id, record.task) == ("questions.json#0", "text")
    assert "1 questions, answers of people" in result.notes[0]


def test_an_answer_that_the_data_set_chose_is_trained(vqa):
    (record,) = vqa([QUESTION], [ANSWER | {"multiple_choice_answer": "no"}]).records
    assert record.references == ("no", "yes", "yes")


def test_gqa_has_its_answers_beside_the_questions(vqa):
    (record,) = vqa({"0171": {"imageId": "58", "question": "Is it red?", "answer": "no", "fullAnswer": "No."}}).records
    assert (record.turns[0].answer, record.references, record.id) == ("no", (), "questions.json#0171")


def test_names_of_questions_that_begin_alike_are_told_apart(vqa):
    question = {"imageId": "58", "question": "Is it red?", "answer": "no"}
    assert len(vqa({"x" * 90 + "1": question, "x" * 90 + "2": question}).records) == 2


def test_answers_of_long_names_are_told_apart(vqa):
    names = ["a" * 40 + middle + "b" * 40 for middle in "xy"]
    questions = [QUESTION | {"question_id": name} for name in names]
    answers = [{"question_id": name, "answer": name[40]} for name in names]
    assert [record.turns[0].answer for record in vqa(questions, answers).records] == ["x", "y"]


@pytest.mark.parametrize("image_id", [58, "58", "COCO_train2014_000000000058"])
def test_images_are_found_by_number_and_by_name(vqa, image_id):
    assert len(vqa([QUESTION | {"image_id": image_id}], [ANSWER]).records) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"image_id": 59}, "there is no image 59 in the folder of images"),
        ({"image_id": None}, "there is no image None"),
        ({"image_id": True}, "there is no image True"),
        ({"image_id": [58]}, "there is no image [58]"),
        ({"image_id": 10**400}, "there is no image 1000"),
        ({"image_id": "x" * 9000}, "there is no image 'xxx"),
        ({"question": None}, "question must be a text; got None"),
        ({"question": ["Is it?"]}, "question must be a text"),
        ({"question": "Is <image> red?"}, "the question holds <image>"),
        ({"question": "\ud800"}, "half of a surrogate pair"),
        ({"question_id": 5}, "the question 5 has no annotation"),
        ({"question_id": {"a": 1}}, "has no annotation"),
    ],
)
def test_a_faulty_question_is_refused_and_the_others_are_read(vqa, change, reason):
    result = vqa([QUESTION, QUESTION | change], [ANSWER])
    (row,) = result.refused
    assert (row.row, reason in row.reason, len(row.reason) < 300) == ("1", True, True), row
    assert len(result.records) == 1


@pytest.mark.parametrize("question", [None, 3, "Is it?", [QUESTION]])
def test_a_question_that_is_no_object_is_refused(vqa, question):
    assert "a question is an object" in vqa([question], [ANSWER]).refused[0].reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({}, "the question has no answer"),
        ({"answers": []}, "the question has no answer"),
        ({"answers": None, "answer": None}, "the question has no answer"),
        ({"answers": 3}, "answers must be a list; got 3"),
        ({"answers": [None]}, "an answer must be a text; got None"),
        ({"answers": [{"answer": 3}]}, "an answer must be a text"),
        ({"answers": [["no"]]}, "an answer must be a text"),
        ({"answers": [" "]}, "an answer is empty"),
        ({"answers": ["<image>"]}, "an answer holds <image>"),
        ({"answers": ["\ud800"]}, "its annotation: half of a surrogate pair"),
        ({"answers": ["no"], "multiple_choice_answer": ["no"]}, "multiple_choice_answer must be a text"),
        ({"answers": ["<|box_start|>(1,2)"]}, "1 boxes begin and 0 are written"),
    ],
)
def test_a_faulty_answer_refuses_its_question(vqa, answer, reason):
    (row,) = vqa([QUESTION], [answer | {"question_id": 4}]).refused
    assert reason in row.reason


def test_questions_without_a_file_of_answers_are_refused(vqa):
    assert vqa([QUESTION]).refused[0].reason == "the question has no answer"


@pytest.mark.parametrize("content", [3, None, "x", {"questions": {}}, {"a": 1}, {"a": {"b": 1}}, {}, {"questions": []}])
def test_a_file_of_no_questions_is_one_error(vqa, content):
    with pytest.raises(DataError, match=r"questions\.json (must hold the list questions|holds no questions)"):
        vqa(content)


@pytest.mark.parametrize("content", [3, {"annotations": {}}, {}])
def test_a_file_of_no_answers_is_one_error(vqa, content):
    with pytest.raises(DataError, match=r"answers\.json must hold the list annotations"):
        vqa([QUESTION], content)


@pytest.mark.parametrize("key", ["questions", "images"])
def test_a_path_that_is_missing_is_one_error(vqa, tmp_path, key):
    vqa([QUESTION])
    paths = {"questions": "questions.json", "images": "images"} | {key: "nope"}
    with pytest.raises(DataError, match="nope"):
        read_vqa(VqaSource(source="vqa", **{name: str(tmp_path / path) for name, path in paths.items()}))


def test_names_of_questions_that_can_not_be_written_are_shown_otherwise(vqa):
    result = vqa({"\ud800": {"imageId": "58", "question": "Is it?", "answer": "no"}})
    result.records[0].id.encode()


def test_an_image_whose_name_is_not_utf8_is_refused(vqa, tmp_path):
    Image.new("RGB", (200, 100)).save(tmp_path / "images" / "\udcff_77.jpg")
    (row,) = vqa([QUESTION | {"image_id": 77}], [ANSWER]).refused
    assert "is not UTF-8" in row.reason
    str(row).encode()


values = st.sampled_from([None, True, -1, float("nan"), 10**400, "", "\ud800", "x" * 3000, "<image>", [], {}, [[1]]])


def places(tree, path=()):
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from places(child, (*path, key))


@given(st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_change_of_questions_or_answers_gives_rows_or_reasons(vqa, data):
    whole = copy.deepcopy({"q": {"questions": [QUESTION]}, "a": {"annotations": [ANSWER]}})
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(list(places(whole))))
        node = whole
        for key in way:
            node = node[key]
        node[last] = copy.deepcopy(data.draw(values))
    try:
        result = vqa(whole["q"] if isinstance(whole["q"], dict) else {"x": whole["q"]}, whole["a"] or {})
    except DataError as error:
        str(error).encode()
        return
    for record in result.records:
        f"{record.turns[0].question}{record.turns[0].answer}{record.references}".encode()
    for row in result.refused:
        row.reason.encode()


@pytest.fixture
def read(tmp_path):
    """Write rows beside an image of 200 x 100 and read them."""
    Image.new("RGB", (200, 100)).save(tmp_path / "a.png")

    def reader(*rows, **config):
        (tmp_path / "rows.json").write_text(json.dumps(list(rows)))
        return read_rows(RowsSource(source="rows", path=str(tmp_path / "rows.json"), **config))

    return reader


def test_rows_of_questions_and_answers_are_told_by_their_columns(read):
    rows = [
        {"image": "a.png", "question": "Is it red?", "answers": ["no", "yes", "yes"]},
        {"image": "a.png", "question": "Is it red?", "answer": "no"},
        {"image": "a.png", "question": "Is it red?", "answers": None, "answer": "no"},
        {"image": "a.png", "question": "Is <image> red?", "answers": [{"answer": "no"}]},
        {"image": "a.png", "question": "Is it red?", "multiple_choice_answer": "no", "answers": []},
    ]
    result = read(*rows)
    assert [record.turns[0].answer for record in result.records] == ["yes", "no", "no", "no", "no"]
    assert result.records[0].references == ("yes", "no", "yes")
    assert [record.turns[0].question.count("<image>") for record in result.records] == [1] * 5
    assert "4 rows as vqa (the columns question and answers)" in result.notes[0]


@pytest.mark.parametrize("name", ["question", "answers", "image", "multiple_choice_answer"])
@pytest.mark.parametrize("value", [3, [None], {"a": 1}, 10**400, [[]], "\ud800", "<image><image>"])
def test_faulty_rows_are_refused_and_the_others_are_read(read, name, value):
    good = {"image": "a.png", "question": "Is it red?", "answers": ["no"]}
    result = read(good, good | {name: value})
    assert [row.row for row in result.refused] == ["1"]
    assert len(result.records) == 1


def test_a_box_beside_a_single_answer_asks_for_no_box(read):
    (record,) = read({"image": "a.png", "question": "What?", "answer": "a cat", "bbox": [1, 2, 30, 40]}).records
    assert (record.turns[0].answer, record.task) == ("a cat", "text")
