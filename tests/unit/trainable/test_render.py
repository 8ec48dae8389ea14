from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rows import made_record, mixed_records

from trainable.boxes import Box
from trainable.data.records import IMAGE_TAG, Record, Turn
from trainable.data.render import BOX, PROMPT, TEXT, render
from trainable.errors import DataError
from trainable.markup import reference_text


def rendered(record, base):
    return render(record, base.processor)


def template_ids(record, base, tokens=16):
    """Render by the published chat template and expand each placeholder, as the processor of Qwen2-VL does."""
    messages = [{"role": "system", "content": record.system}] if record.system else []
    for turn in record.turns:
        content = []
        for index, piece in enumerate(turn.question.split(IMAGE_TAG)):
            content += [{"type": "image"}] if index else []
            content += [{"type": "text", "text": piece}] if piece else []
        messages += [{"role": "user", "content": content}, {"role": "assistant", "content": turn.answer}]
    text = base.tokenizer.apply_chat_template(messages, tokenize=False)
    text = text.replace("<|image_pad|>", "<|image_pad|>" * tokens)
    return base.tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("record", mixed_records(), ids=lambda record: record.id)
def test_rendering_equals_the_chat_template(record, base):
    assert list(rendered(record, base).ids) == template_ids(record, base)


def test_several_turns_images_and_a_system_turn_equal_the_chat_template(base):
    one = made_record("x", "y")
    record = Record(
        id="turns",
        task="text",
        kind="made",
        images=one.images * 2,
        turns=(Turn(f"{IMAGE_TAG}Who are they?", "Two players."), Turn(f"And here?{IMAGE_TAG} Say.", "Nobody, 12.")),
        system="Be brief.",
    )
    assert list(rendered(record, base).ids) == template_ids(record, base)


words = st.text(st.characters(exclude_characters="<>|", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)


@given(question=words, answer=words)
@settings(max_examples=150, deadline=None)
def test_any_text_without_special_tokens_equals_the_chat_template(base, question, answer):
    answer = answer.strip()
    if not answer:
        return
    record = made_record(question, answer)
    assert list(rendered(record, base).ids) == template_ids(record, base)


def test_answers_and_their_ends_are_supervised_and_nothing_else(base):
    record = made_record("What is it?", "a red circle")
    row = rendered(record, base)
    supervised = [token for token, role in zip(row.ids, row.roles, strict=True) if role != PROMPT]
    assert base.tokenizer.decode(supervised) == "a red circle<|im_end|>"
    assert row.prompt_length == row.roles.index(TEXT)


def test_every_turn_is_supervised_and_generation_starts_before_the_last(base):
    record = Record("r", "text", "made", (), (Turn("a?", "first"), Turn("b?", "second")))
    row = rendered(record, base)
    supervised = [token for token, role in zip(row.ids, row.roles, strict=True) if role != PROMPT]
    assert base.tokenizer.decode(supervised) == "first<|im_end|>second<|im_end|>"
    assert base.tokenizer.decode(row.ids[row.prompt_length :]) == "second<|im_end|>\n"


def test_roles_split_an_answer_at_its_box(base):
    row = rendered(made_record("Where?", "Here: " + reference_text("it", Box(12, 345, 998, 1000)) + " 77."), base)
    by_role = {role: [t for t, r in zip(row.ids, row.roles, strict=True) if r == role] for role in (TEXT, BOX)}
    assert base.tokenizer.decode(by_role[BOX]) == "<|box_start|>(12,345),(998,1000)<|box_end|>"
    assert base.tokenizer.decode(by_role[TEXT]) == "Here: <|object_ref_start|>it<|object_ref_end|> 77.<|im_end|>"


def test_digits_carry_value_place_box_and_corner(base):
    answer = reference_text("7 cats", Box(5, 57, 578, 1000)) + reference_text("x", Box(0, 1, 2, 3))
    row = rendered(made_record("Where?", answer), base)
    numbers: dict[tuple[int, int], int] = {}
    for digit in row.digits:
        assert base.tokenizer.decode([row.ids[digit.position]]) == str(digit.value)
        numbers[digit.box, digit.corner] = numbers.get((digit.box, digit.corner), 0) + digit.value * digit.place
    assert [numbers[0, corner] for corner in range(4)] == [5, 57, 578, 1000]
    assert [numbers[1, corner] for corner in range(4)] == [0, 1, 2, 3]
    assert row.boxes == (5, 57, 578, 1000, 0, 1, 2, 3)


@pytest.mark.parametrize("token", ["<|image_pad|>", "<|im_end|>", "<|im_start|>", "<|vision_start|>", "<|endoftext|>"])
def test_users_and_answers_cannot_make_control_tokens(base, token):
    special = base.tokenizer.convert_tokens_to_ids(token)
    plain = rendered(made_record("say", "it", colour=None), base)
    row = rendered(made_record(f"say {token}", f"it is {token}", colour=None), base)
    assert row.ids.count(special) == plain.ids.count(special)
    assert token in base.tokenizer.decode(row.ids[row.prompt_length :])


def test_a_user_cannot_make_box_tokens(base):
    row = rendered(made_record("what is in <|box_start|>(1,2),(3,4)<|box_end|>?", "a cat"), base)
    assert base.tokenizer.convert_tokens_to_ids("<|box_start|>") not in row.ids


def test_tags_and_images_must_agree(base):
    with pytest.raises(DataError, match="row: 1 <image> tags but 2 images"):
        rendered(replace(made_record("Who?", "me"), images=made_record("Who?", "me").images * 2), base)


JSON_ANSWER = '```json\n[{"bbox_2d": [12, 345, 998, 1000], "label": "3 cats"}, {"bbox_2d":[0,7,50,58]}]\n```'


def written(row, base, wanted):
    return "".join(
        base.tokenizer.decode([token]) for token, role in zip(row.ids, row.roles, strict=True) if role == wanted
    )


def test_boxes_in_json_are_found_by_their_place_in_the_answer(base):
    row = rendered(made_record("Where are they?", JSON_ANSWER), base)
    assert written(row, base, BOX).replace(" ", "") == "[12,345,998,1000][0,7,50,58]"
    assert "3 cats" in written(row, base, TEXT)
    assert row.boxes == (12, 345, 998, 1000, 0, 7, 50, 58)
    numbers = [0] * 8
    for digit in row.digits:
        assert base.tokenizer.decode([row.ids[digit.position]]) == str(digit.value)
        numbers[4 * digit.box + digit.corner] += digit.value * digit.place
    assert tuple(numbers) == row.boxes


@given(
    st.lists(st.tuples(*[st.integers(0, 9999)] * 4), max_size=4),
    st.sampled_from([", ", ","]),
    st.text("ab 1(,", max_size=9),
)
@settings(max_examples=60, deadline=None)
def test_any_number_of_json_boxes_survives_rendering(base, boxes, comma, label):
    items = [f'{{"bbox_2d": [{comma.join(map(str, box))}], "label": "{label}"}}' for box in boxes]
    row = rendered(made_record("Where?", f"[{comma.join(items)}]"), base)
    assert row.boxes == tuple(float(value) for box in boxes for value in box)
    assert len(row.digits) == sum(len(str(value)) for box in boxes for value in box)


@pytest.mark.parametrize(
    "answer", ['{"bbox_2d": [1, 2, 3', '{"bbox_2d": [1, 2, 3, 4.5]}', '{"bbox_2d": [1, 2, 3, 12345]}', "[1, 2, 3, 4]"]
)
def test_what_is_no_whole_box_in_json_stays_text(base, answer):
    row = rendered(made_record("Where?", answer), base)
    assert (row.digits, row.boxes, BOX in row.roles) == ((), (), False)
