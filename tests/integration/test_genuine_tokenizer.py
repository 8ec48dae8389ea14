"""Rows as tokens with the genuine tokenizer and chat template of Qwen2-VL."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rows import made_record, mixed_records
from real_data import real_data
from transformers import AutoTokenizer
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from trainable.data.records import IMAGE_TAG, Turn
from trainable.data.render import PROMPT, TEXT, render
from trainable.model.family import FAMILIES
from trainable.model.load import ModelShape, Processor, TokenIds

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def processor():
    tokenizer = AutoTokenizer.from_pretrained(real_data("tokenizer-qwen2vl"))
    return Processor(
        FAMILIES["qwen2_vl"],
        tokenizer,
        Qwen2VLImageProcessorPil(),
        TokenIds.of(tokenizer),
        "You are a helpful assistant.",
        ModelShape(28, 1536, 0),
    )


def template_ids(record, processor):
    """Render by the genuine template and expand each placeholder, as the processor of Qwen2-VL does."""
    messages = [{"role": "system", "content": record.system}] if record.system else []
    for turn in record.turns:
        content = []
        for index, piece in enumerate(turn.question.split(IMAGE_TAG)):
            content += [{"type": "image"}] if index else []
            content += [{"type": "text", "text": piece}] if piece else []
        messages += [{"role": "user", "content": content}, {"role": "assistant", "content": turn.answer}]
    text = processor.tokenizer.apply_chat_template(messages, tokenize=False)
    first, *rest = text.split("<|image_pad|>")
    for image, piece in zip(record.images, rest, strict=True):
        first += "<|image_pad|>" * processor.tokens(image.size) + piece
    return processor.tokenizer(first, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("record", mixed_records(), ids=lambda record: record.id)
def test_rendering_equals_the_genuine_template(record, processor):
    assert list(render(record, processor).ids) == template_ids(record, processor)


def test_several_turns_images_and_a_system_turn_equal_the_genuine_template(processor):
    one = made_record("Who?", "me", name="a")
    turns = (Turn(f"{IMAGE_TAG}Who are they?", "Two."), Turn(f"And {IMAGE_TAG} here?", "他们在奔跑。 🏃"))
    record = replace(one, images=one.images * 2, turns=turns, system="Be brief.")
    assert list(render(record, processor).ids) == template_ids(record, processor)


words = st.text(st.characters(exclude_characters="<>|", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)


@given(question=words, answer=words)
@settings(max_examples=200, deadline=None)
def test_any_text_equals_the_genuine_template(processor, question, answer):
    if answer := answer.strip():
        record = made_record(question, answer)
        assert list(render(record, processor).ids) == template_ids(record, processor)


def test_published_encodings_are_those_of_answers(processor):
    for case in json.loads((real_data("tokenizer-qwen2vl") / "golden_encodings.json").read_text()):
        if any(token in case["text"] for token in ("<|im_", "<|vision", "<|image", "<|video", "<|endoftext")):
            continue  # not to be made by an answer
        row = render(made_record("?", case["text"], colour=None), processor)
        supervised = [token for token, role in zip(row.ids, row.roles, strict=True) if role != PROMPT]
        assert supervised[:-1] == case["ids"], case["text"]
        assert (supervised[-1], row.roles[row.prompt_length]) != (None, PROMPT)


def test_an_answer_that_is_not_trained_on_is_part_of_the_prompt(processor):
    turns = (Turn("a?", "first", is_supervised=False), Turn("", "second", is_asked=False), Turn("b?", "third"))
    row = render(replace(made_record("?", "x", colour=None), turns=turns), processor)
    decode = processor.tokenizer.decode
    assert decode([t for t, role in zip(row.ids, row.roles, strict=True) if role == TEXT]) == (
        "second<|im_end|>third<|im_end|>"
    )
    assert "<|im_start|>assistant\nfirst<|im_end|>\n<|im_start|>assistant\nsecond<|im_end|>" in decode(row.ids)
    assert decode(row.ids[row.prompt_length :]) == "third<|im_end|>\n"


@pytest.mark.parametrize("token", ["<|image_pad|>", "<|vision_start|>", "<|im_end|>", "<|box_start|>", "<|video_pad|>"])
def test_a_user_cannot_make_special_tokens(processor, token):
    special = processor.tokenizer.convert_tokens_to_ids(token)
    plain = render(made_record("say", "it"), processor)
    row = render(made_record(f"say {token}", "it"), processor)
    assert row.ids.count(special) == plain.ids.count(special)
    assert token in processor.tokenizer.decode(row.ids)
