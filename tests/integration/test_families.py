"""The three families of models, random and small, with the genuine tokenizer: boxes in the units of each."""

import json
import math

import pytest
import torch
from made_rows import PlainImage
from random_base import save_random_base
from real_data import real_data

from spaces.adapter import AdapterConfig
from spaces.mixture import MixtureConfig
from spaces.trial import ModelConfig, RowsSource
from trainable.boxes import Box
from trainable.data.collate import Example, collate
from trainable.data.records import PlacedBox, Record, Turn
from trainable.data.render import BOX, PROMPT, render
from trainable.data.sources.rows import read_rows
from trainable.evaluation.evaluate import ScoredRow, evaluate
from trainable.losses import Mixture, make_terms
from trainable.losses.box import true_boxes
from trainable.model.adapter import attach_adapter, detach_adapter, fresh_factors
from trainable.model.family import FAMILIES
from trainable.model.load import load_base, load_processor
from trainable.packing.generators import OwnGenerators
from trainable.packing.linear import Route, evaluated, routed
from trainable.trial import accumulate
from trainable.window import Window

pytestmark = pytest.mark.real


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def family_base(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    save_random_base(folder, real_data("tokenizer-qwen2vl"), family=request.param, max_pixels=1_003_520)
    torch.set_num_threads(1)
    return load_base(ModelConfig(path=str(folder)))


def oracle():
    return json.loads((real_data("fmt-qwen-official") / "bbox_conversion_oracle.json").read_text())


def oracle_record():
    folder = real_data("fmt-qwen-official")
    box = oracle()["bbox_xyxy_pixels"]
    exact = Box(*(1000 * value / side for value, side in zip(box, (640, 428, 640, 428), strict=True)))
    (record,) = read_rows(RowsSource(source="rows", path=str(_rows_file(folder)), image_folder=str(folder))).records
    assert record.turns[0].boxes == (PlacedBox(pytest.approx(exact)),)
    return record


def _rows_file(folder):
    import tempfile
    from pathlib import Path

    row = {
        "messages": [
            {"role": "user", "content": "<image>Find <ref-object>."},
            {"role": "assistant", "content": "<ref-object><bbox>"},
        ],
        "images": [oracle()["image"]],
        "objects": {"ref": [oracle()["label"]] * 2, "bbox": [oracle()["bbox_xyxy_pixels"]]},
    }
    path = Path(tempfile.mkdtemp()) / "rows.jsonl"
    path.write_text(json.dumps(row))
    return path


def test_the_published_box_is_written_as_each_family_writes_it(family_base):
    processor = family_base.processor
    row = render(oracle_record(), processor)
    decoded = processor.tokenizer.decode(
        [token for token, role in zip(row.ids, row.roles, strict=True) if role != PROMPT]
    )
    expected = {
        "Qwen2-VL": "<|object_ref_start|>bowl of carrots<|object_ref_end|><|box_start|>(228,320),(961,970)<|box_end|>",
        "Qwen2.5-VL": '```json\n[\n\t{"bbox_2d": [147, 134, 619, 407], "label": "bowl of carrots"}\n]\n```',
        "Qwen3-VL": '```json\n[\n\t{"bbox_2d": [228, 320, 961, 970], "label": "bowl of carrots"}\n]\n```',
    }[processor.family.name]
    assert decoded == f"{expected}<|im_end|>"
    numbers = oracle()["qwen25vl_resized_pixels" if processor.family.unit == "resized" else "qwen2vl_0_1000"]
    assert row.boxes == tuple(map(float, numbers))
    assert processor.resized((640, 428)) == ((640, 416) if processor.family.factor == 32 else (644, 420))


def test_a_phrase_in_a_question_is_native_markup_only_where_the_family_knows_it(family_base):
    processor = family_base.processor
    row = render(oracle_record(), processor)
    asked = processor.tokenizer.decode([t for t, role in zip(row.ids, row.roles, strict=True) if role == PROMPT])
    marked = "Find <|object_ref_start|>bowl of carrots<|object_ref_end|>."
    assert (marked in asked) == (processor.family.notation == "native")
    assert ("Find bowl of carrots." in asked) == (processor.family.notation == "json")
    start = processor.tokenizer.convert_tokens_to_ids("<|object_ref_start|>")
    assert (start in row.ids[: row.prompt_length]) == (processor.family.notation == "native")


def test_pixels_have_as_many_tokens_as_the_size_says(family_base):
    processor = family_base.processor
    for size in ((640, 428), (50, 300), (1920, 1080), (7, 13)):
        pixels = processor.pixels(PlainImage("red", size).load())
        assert pixels.tokens == processor.tokens(size)
        patch = processor.image_processor.patch_size
        assert (pixels.grid[2] * patch, pixels.grid[1] * patch) == processor.resized(size)


def test_losses_and_gradients_of_boxes_do_not_depend_on_the_units(family_base):
    """Teacher-forced targets decode to the true box as a share of the image, and every term gives a gradient."""
    record = oracle_record()
    example = Example(render(record, family_base.processor), (family_base.pixels(record.images[0].load()),))
    batch = collate([example, example], family_base)
    resized = family_base.processor.resized((640, 428))
    width, height = family_base.processor.family.extent(resized)
    true = [146 / 640, 137 / 428, 615 / 640, 415 / 428]
    tolerance = 0.51 / min(width, height)
    torch.testing.assert_close(true_boxes(batch.targets), torch.tensor([true] * 2), atol=tolerance, rtol=0)
    model = attach_adapter(family_base, AdapterConfig(), seed=0)
    try:
        settings = {name: {"on": True, "weight": 0.5} for name in ("giou", "carry", "ntl_was", "l1")}
        config = MixtureConfig.model_validate(settings)
        mixture = Mixture(config, make_terms(config))
        sums = accumulate(model, Window(mixture, [batch], weights=mixture.weights(0.5)), family_base.head)
        assert all(math.isfinite(part.total) and part.total > 0 for part in sums.values())
        gradient = [value.grad for value in model.parameters() if value.requires_grad and value.grad is not None]
        assert gradient and all(bool(torch.isfinite(one).all()) for one in gradient)
    finally:
        detach_adapter(model)


def test_rows_of_one_pass_see_only_their_own_adapter(family_base):
    record = oracle_record()
    example = Example(render(record, family_base.processor), (family_base.pixels(record.images[0].load()),))
    alone = collate([example], family_base)
    expected, routes = [], []
    for rank in (2, 4):
        factors = fresh_factors(family_base, AdapterConfig(rank=rank), seed=rank)
        for pair in factors.values():
            pair.up.data.fill_(0.05 * rank)
        with torch.no_grad(), evaluated(family_base.model, factors):
            expected.append(family_base.model(**alone.inputs, logits_to_keep=alone.keep).logits)
        routes.append(Route(factors, *alone.keep.shape, 0.0, OwnGenerators(family_base.device, seed=0)))
    both = collate([example, example], family_base)
    with torch.no_grad(), routed(family_base.model, routes):
        logits = family_base.model(**both.inputs, logits_to_keep=both.keep).logits
    torch.testing.assert_close(logits, torch.cat(expected), atol=1e-4, rtol=1e-5)
    assert not torch.allclose(*expected, atol=1e-2)


def test_a_perfect_answer_has_an_overlap_of_one(family_base, monkeypatch):
    record = oracle_record()
    example = Example(render(record, family_base.processor), (family_base.pixels(record.images[0].load()),))
    resized = [family_base.processor.resized(record.images[0].size)]
    answer = family_base.processor.family.answer(record.turns[0], resized)
    monkeypatch.setattr("trainable.evaluation.answers.decoded", lambda *_: answer)
    scores = evaluate(
        family_base.model,
        family_base,
        [ScoredRow(record, example)],
        constant_box_1000=None,
        batch=1,
        max_new_tokens=8,
        in_detail=True,
    ).scores
    assert scores["grounding.miou"] == 1
    assert scores["grounding.parse_failure_rate"] == 0
    assert scores["slice.boxes_1.rows"] == 1


def test_generated_tokens_are_those_of_the_forward_pass(family_base):
    """Guards positions: without token types generation would silently use one-dimensional ones."""
    from trainable.data.collate import collate_prompts

    record = oracle_record()
    example = Example(render(record, family_base.processor), (family_base.pixels(record.images[0].load()),))
    inputs = collate_prompts([example], family_base)
    out = family_base.model.generate(**inputs, max_new_tokens=4, do_sample=False)
    new = out[0, inputs["input_ids"].shape[1] :]
    row = record.turns[0]
    assert len(new) and row
    ids = torch.cat([inputs["input_ids"][0], new])[None]
    with torch.no_grad():
        from trainable.data.collate import model_inputs

        logits = family_base.model(**model_inputs(ids, torch.ones_like(ids), list(example.images), family_base)).logits
    start = inputs["input_ids"].shape[1] - 1
    assert logits[0, start : start + len(new)].argmax(dim=-1).tolist() == new.tolist()


def test_a_processor_is_loaded_without_the_weights(family_base, tmp_path):
    folder = save_random_base(tmp_path / "m", real_data("tokenizer-qwen2vl"), family="qwen3_vl")
    (folder / "model.safetensors").unlink()
    assert load_processor(ModelConfig(path=str(folder)), only_local=True).family.name == "Qwen3-VL"


def test_boxes_of_a_second_image_are_in_the_units_of_that_image(family_base):
    exact = Box(250, 250, 750, 750)
    text = "<|box_start|>(250,250),(750,750)<|box_end|>"
    record = Record(
        "two",
        "grounding",
        "locate",
        (PlainImage("red", (280, 280)), PlainImage("blue", (560, 840))),
        (Turn("<image><image>Where?", text, boxes=(PlacedBox(exact, 1),)),),
        (exact,),
    )
    row = render(record, family_base.processor)
    expected = {"Qwen2.5-VL": (140, 210, 420, 630)}.get(family_base.processor.family.name, (250, 250, 750, 750))
    assert row.boxes == expected
    assert BOX in row.roles
