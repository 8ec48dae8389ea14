"""The embedded base as it is shipped: files, tokenizer, template, and what it answers."""

import json
import unicodedata
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText, AutoTokenizer, Qwen2VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from trainable.boxes import mean_box
from trainable.data.scenes import SceneImage, make_scene
from trainable.data.sources.shapes import read_shapes
from trainable.model.tiny import tiny_folder
from trainable.model.tiny_training.evaluate import TinyScores, answer_records, score_answers
from trainable.model.tiny_training.pictures import image_features, scene_patches
from trainable.model.tiny_training.tokenizer import SPECIAL_TOKENS

SCENES = 48


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(tiny_folder())


@pytest.fixture(scope="module")
def model():
    return AutoModelForImageTextToText.from_pretrained(tiny_folder(), dtype=torch.float32)


@pytest.fixture(scope="module")
def processor():
    return Qwen2VLImageProcessorPil.from_pretrained(tiny_folder())


@pytest.fixture(scope="module")
def card():
    return json.loads((tiny_folder() / "card.json").read_text(encoding="utf-8"))


def scores_on(domain: str) -> TinyScores:
    records = read_shapes(domain=domain, scenes=SCENES, seed=1)
    constant = mean_box([box for record in records for box in record.boxes_1000])
    return score_answers(records, answer_records(tiny_folder(), records), constant=constant)


def test_the_weights_are_fp16_and_take_at_most_four_megabytes():
    weights = tiny_folder() / "model.safetensors"

    assert weights.stat().st_size <= 4_000_000
    assert {tensor.dtype for tensor in load_file(weights).values()} == {torch.float16}


def test_the_model_is_a_qwen2_vl_of_one_to_two_million_parameters(model, card):
    count = sum(parameter.numel() for parameter in model.parameters())

    assert isinstance(model, Qwen2VLForConditionalGeneration)
    assert 1_000_000 <= count <= 2_000_000
    assert count == card["parameters"]
    assert model.lm_head.weight is model.model.language_model.embed_tokens.weight


def test_the_base_computes_in_fp32_when_asked_to(model):
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_special_tokens_are_single_and_qwens_by_name(tokenizer, model):
    for token in SPECIAL_TOKENS:
        assert len(tokenizer(token, add_special_tokens=False)["input_ids"]) == 1
    assert (tokenizer.eos_token, tokenizer.pad_token, tokenizer.unk_token) == ("<|im_end|>", "<|endoftext|>", None)
    assert model.config.image_token_id == tokenizer.convert_tokens_to_ids("<|image_pad|>")
    assert model.generation_config.eos_token_id == tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert len(tokenizer) <= model.get_input_embeddings().num_embeddings


def test_every_digit_is_its_own_token_and_in_no_other(tokenizer):
    with_digit = [token for token in tokenizer.get_vocab() if any(digit in token for digit in "0123456789")]

    assert sorted(with_digit) == list("0123456789")
    assert tokenizer.tokenize("(12,345),(1000,7)")[:4] == ["(", "1", "2", ","]


@given(text=st.text())
def test_any_text_survives_the_tokenizer_up_to_normal_form(tokenizer, text):
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]

    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == unicodedata.normalize("NFC", text)


def test_special_tokens_written_by_a_user_can_be_kept_as_text(tokenizer):
    ids = tokenizer("<|image_pad|>", add_special_tokens=False, split_special_tokens=True)["input_ids"]

    assert len(ids) > 1
    assert tokenizer.decode(ids) == "<|image_pad|>"


def test_the_chat_template_renders_as_qwen2_vls_does(tokenizer):
    conversation = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Where is it?"}]},
        {"role": "assistant", "content": "Here."},
        {"role": "user", "content": "Thanks"},
    ]

    assert tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>Where is it?<|im_end|>\n"
        "<|im_start|>assistant\nHere.<|im_end|>\n"
        "<|im_start|>user\nThanks<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_a_system_turn_replaces_the_templates_own(tokenizer):
    conversation = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": " padded "}]

    assert tokenizer.apply_chat_template(conversation, tokenize=False) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n padded <|im_end|>\n"
    )


def test_pictures_and_videos_are_numbered_on_request(tokenizer):
    parts = [{"type": "image"}, {"type": "image"}, {"type": "video"}, {"type": "text", "text": "?"}]

    assert tokenizer.apply_chat_template([{"role": "user", "content": parts}], tokenize=False, add_vision_id=True) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        "Picture 1: <|vision_start|><|image_pad|><|vision_end|>"
        "Picture 2: <|vision_start|><|image_pad|><|vision_end|>"
        "Video 1: <|vision_start|><|video_pad|><|vision_end|>?<|im_end|>\n"
    )


def test_a_scene_keeps_its_size_and_a_photograph_shrinks(processor):
    scene = processor(images=[SceneImage("base", 0, 0).load()], return_tensors="pt")
    photograph = processor(images=[Image.new("RGB", (1280, 960))], return_tensors="pt")

    assert scene["image_grid_thw"].tolist() == [[1, 8, 8]]
    assert photograph["image_grid_thw"].prod().item() // 4 <= 32


def test_patches_and_features_of_the_training_are_those_of_the_library(model, processor):
    scenes = [make_scene("base", seed=2, index=index) for index in range(3)]
    pictures = processor(images=[SceneImage("base", 2, index).load() for index in range(3)], return_tensors="pt")

    patches = scene_patches(scenes)
    with torch.no_grad():
        ours = image_features(model.model.visual, patches)
        theirs = model.model.visual(pictures["pixel_values"], grid_thw=pictures["image_grid_thw"]).pooler_output

    assert torch.equal(patches.flatten(0, 1), pictures["pixel_values"])
    torch.testing.assert_close(ours.flatten(0, 1), theirs, rtol=1e-4, atol=1e-4)


def test_a_text_of_four_thousand_tokens_runs(model, tokenizer):
    ids = torch.tensor([tokenizer("7" * 4000, add_special_tokens=False)["input_ids"]])

    with torch.no_grad():
        logits = model(input_ids=ids, mm_token_type_ids=torch.zeros_like(ids), logits_to_keep=1).logits

    assert ids.shape[1] == 4000
    assert logits.isfinite().all()


def test_the_base_answers_what_it_was_trained_for(card):
    scores = scores_on("base")

    assert scores.boxes + scores.texts >= 150
    assert scores.acc50 >= 0.6
    assert scores.text_exact >= 0.85
    assert scores.iou == pytest.approx(card["base"]["iou"], abs=0.06)
    assert scores.text_exact == pytest.approx(card["base"]["text_exact"], abs=0.06)


def test_the_shifted_domain_leaves_room_to_learn(card):
    scores = scores_on("shifted")

    assert scores.iou < card["base"]["iou"] - 0.1
    assert scores.text_exact < card["base"]["text_exact"] - 0.3
    assert scores.iou == pytest.approx(card["shifted"]["iou"], abs=0.08)


def test_the_card_counts_at_least_six_hundred_answers(card):
    assert card["base"]["boxes"] + card["base"]["texts"] >= 600
    assert card["base"]["iou"] > card["base"]["constant_iou"] + 0.2


def test_the_documentation_tells_the_cards_numbers(card):
    text = (Path(__file__).parents[3] / "docs" / "tiny-base.md").read_text(encoding="utf-8")
    rows = {
        "mean IoU": "iou",
        "boxes with an IoU of 0.5": "acc50",
        "answers with a box": "parse_rate",
        "mean IoU of the constant box": "constant_iou",
        "right to the letter": "text_exact",
        "… colours": "colour_exact",
        "… counts": "count_exact",
        "… descriptions": "describe_exact",
    }

    for label, name in rows.items():
        assert f"| {label} | {card['base'][name]:.3f} | {card['shifted'][name]:.3f} |" in text
    for name, steps in card["steps"].items():
        assert f"| {name} | {steps} | {card['scenes_per_step'][name]} |" in text
    assert f"| Parameters | {card['parameters']:,} |" in text
