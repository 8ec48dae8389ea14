import json
import random

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText, AutoTokenizer

from trainable.data.scenes import make_scene
from trainable.model.tiny import tiny_folder
from trainable.model.tiny_training.__main__ import CORPUS_SCENES, JOINT, LANGUAGE, VISION, make_base
from trainable.model.tiny_training.heads import COLOURS, NAMES, token_targets
from trainable.model.tiny_training.packing import Packer, training_questions
from trainable.model.tiny_training.pictures import image_features, scene_patches
from trainable.model.tiny_training.stages import answer_losses
from trainable.model.tiny_training.tokenizer import train_tokenizer

PICTURE = "<|vision_start|>" + "<|image_pad|>" * 16 + "<|vision_end|>"


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    for folder in folders:
        make_base(folder, seed=3, scale=0.0001)
    return folders


def test_the_same_seed_gives_the_same_weights_and_tokenizer(two_runs):
    first, second = two_runs

    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_another_seed_gives_other_weights(two_runs, tmp_path):
    make_base(tmp_path, seed=4, scale=0.0001)

    ours, theirs = load_file(two_runs[0] / "model.safetensors"), load_file(tmp_path / "model.safetensors")

    assert any(not torch.equal(ours[name], theirs[name]) for name in ours if ours[name].shape == theirs[name].shape)


def test_the_folder_has_all_that_the_shipped_one_has(two_runs):
    assert {path.name for path in two_runs[0].iterdir()} == {path.name for path in tiny_folder().iterdir()}


def test_the_shipped_base_comes_from_this_script():
    card = json.loads((tiny_folder() / "card.json").read_text(encoding="utf-8"))
    shipped = AutoTokenizer.from_pretrained(tiny_folder())

    made = train_tokenizer(seed=card["seed"], scenes=CORPUS_SCENES)

    assert made.get_vocab() == shipped.get_vocab()
    assert card["steps"] == {"vision": VISION.steps, "language": LANGUAGE.steps, "joint": JOINT.steps}


def test_a_packed_question_is_learnt_as_if_it_stood_alone():
    model = AutoModelForImageTextToText.from_pretrained(tiny_folder(), dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder())
    scenes = [make_scene("base", seed=9, index=index) for index in range(4)]
    rng = random.Random(0)
    questions = [training_questions(scene, rng) for scene in scenes]
    patches = scene_patches(scenes)

    with torch.no_grad():
        packed = answer_losses(model, Packer(tokenizer).pack(questions), image_features(model.model.visual, patches))
        alone = [_alone(model, tokenizer, patches[index], *pair) for index, row in enumerate(questions) for pair in row]

    torch.testing.assert_close(packed, torch.cat(alone), rtol=1e-3, atol=1e-4)


def _alone(model, tokenizer, patches, question, answer):
    conversation = [{"role": "user", "content": PICTURE + question}]
    prompt = tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
    start = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    end = tokenizer(answer + "<|im_end|>", add_special_tokens=False)["input_ids"]
    ids = torch.tensor([start + end])
    logits = model(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        mm_token_type_ids=(ids == model.config.image_token_id).int(),
        pixel_values=patches,
        image_grid_thw=torch.tensor([[1, 8, 8]]),
    ).logits[0]
    return torch.nn.functional.cross_entropy(logits[len(start) - 1 : -1], torch.tensor(end), reduction="none")


def test_token_targets_name_the_shape_under_every_image_token():
    scene = make_scene("base", seed=6, index=0)
    targets = token_targets([scene])

    for cell in range(16):
        left, top = cell % 4 * 28, cell // 4 * 28
        inside = [
            shape
            for shape in scene.shapes
            if shape.box_px.x1 <= left
            and shape.box_px.y1 <= top
            and shape.box_px.x2 >= left + 28
            and shape.box_px.y2 >= top + 28
        ]
        for shape in inside:
            assert COLOURS[targets.colours[0, cell]] == shape.colour
            assert NAMES[targets.names[0, cell]] == shape.name
    named = {COLOURS[index] for index in targets.colours.flatten().tolist() if index < len(COLOURS)}
    assert named == {shape.colour for shape in scene.shapes}
