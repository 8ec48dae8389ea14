"""What a worker keeps for all trials changes no number: features of images, states below an adapter, the base."""

import shutil

import psutil
import pytest
import torch
from made_rows import PlainImage, example_of, made_record
from made_trials import DATA, config_of, run
from random_base import save_random_base
from real_data import real_data

from spaces import AdapterConfig, MixtureConfig, ModelConfig
from spaces.trial import CacheConfig
from trainable import course as course_module
from trainable.course import Course
from trainable.data.collate import Example, collate, collate_prompts
from trainable.data.records import Record
from trainable.data.render import render
from trainable.errors import ModelError
from trainable.evaluation.answers import forced_and_generated
from trainable.evaluation.generate import generate_answers
from trainable.host import Host, row_positions
from trainable.losses import Mixture, make_terms
from trainable.model import adapter as adapter_module
from trainable.model.adapter import attach_adapter, detach_adapter, merged
from trainable.model.family import FAMILIES
from trainable.model.fingerprint import fingerprint
from trainable.model.load import load_base
from trainable.model.supervised import supervised_states
from trainable.model.tensor_store import TensorStore
from trainable.model.vision_cache import VisionCache, encode
from trainable.trial import Trial, accumulate
from trainable.window import Window


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def host(folder):
    torch.set_num_threads(1)
    return Host(ModelConfig(cache=CacheConfig(folder=str(folder))), DATA)


@pytest.fixture(scope="module", params=["tiny", *sorted(FAMILIES)])
def any_base(request, tmp_path_factory):
    torch.set_num_threads(1)
    if request.param == "tiny":
        return load_base(ModelConfig())
    folder = tmp_path_factory.mktemp(request.param)
    return load_base(
        ModelConfig(path=str(save_random_base(folder, real_data("tokenizer-qwen2vl"), family=request.param)))
    )


def ragged_records():
    """Rows of several lengths and sizes of images, one with two images, one with none."""
    rows = [
        made_record("What colour is it?", "red", colour="red", name="a"),
        made_record("Say hello.", "hello, and good bye", colour=None, name="b"),
        made_record("Describe the picture at length.", "blue", colour="blue", name="c"),
    ]
    images = (PlainImage("green", (56, 112)), PlainImage("navy", (140, 84)))
    two = Record(id="d", task="text", kind="made", images=images, turns=made_record("<image> or?", "no").turns)
    return [*rows, two]


def gradients(base, examples, *, seed=0):
    """Give loss, logits and gradients of one step of an adapter that is not at its start."""
    model = attach_adapter(base, AdapterConfig(rank=4), seed=seed)
    try:
        parameters = [value for value in model.parameters() if value.requires_grad]
        torch.manual_seed(1)
        with torch.no_grad():
            for value in parameters:
                value.add_(torch.randn_like(value) * 0.05)
        batch, mixture = collate(examples, base), Mixture(MixtureConfig(), make_terms(MixtureConfig()))
        sums = accumulate(model, Window(mixture, [batch], weights=mixture.weights(0.5)), base.head)
        with torch.no_grad():
            logits = model(**batch.inputs, logits_to_keep=batch.keep).logits
        return [torch.tensor([part.total for part in sums.values()]), logits, *(value.grad for value in parameters)]
    finally:
        detach_adapter(model)


def cached(base, record, cache):
    row, images = render(record, base.processor), tuple(cache.features(image) for image in record.images)
    return Example(row, images, row_positions(base, row, images))


def test_features_give_bitwise_the_loss_the_logits_and_the_gradients_of_pixels(any_base, tmp_path):
    records = ragged_records()
    config = CacheConfig(folder=str(tmp_path))
    written = [cached(any_base, record, VisionCache(any_base, config)) for record in records]
    read = [cached(any_base, record, VisionCache(any_base, config)) for record in records]
    expected = gradients(any_base, [example_of(record, any_base) for record in records])
    for examples in (written, read):
        found = gradients(any_base, examples)
        assert len(found) == len(expected) > 10
        for one, other in zip(found, expected, strict=True):
            assert torch.equal(one, other)


def test_supervised_states_give_the_logits_of_the_whole_model(any_base):
    batch = collate([example_of(record, any_base) for record in ragged_records()], any_base)
    passed = []
    language = any_base.model.model.language_model
    handle = language.layers[-1].mlp.register_forward_hook(lambda _, inputs, __: passed.append(inputs[0].shape[:-1]))
    modules = list(any_base.model.modules())
    try:
        with torch.no_grad():
            states = supervised_states(any_base.model, batch)
            expected = any_base.model(**batch.inputs, logits_to_keep=batch.keep).logits
    finally:
        handle.remove()
    assert list(any_base.model.modules()) == modules, "the base must have its own layers again"
    torch.testing.assert_close(states @ any_base.head.weight.t(), expected, rtol=1e-5, atol=1e-5)
    assert passed == [(int(batch.keep.sum()),), tuple(batch.keep.shape)]


def test_where_the_last_layer_drops_out_all_its_positions_are_computed(host):
    losses = []
    for narrow in (True, False):
        config = config_of(adapter={"dropout": 0.2})
        with pytest.MonkeyPatch.context() as patch:
            if not narrow:
                patch.setattr("trainable.model.supervised._can_narrow", lambda *_: False)
            losses.append(run(config, host)[-1].losses)
    assert losses[0] == losses[1]


def test_answers_from_features_are_those_of_single_rows_of_pixels(any_base, tmp_path):
    records, cache = ragged_records(), VisionCache(any_base, CacheConfig(folder=str(tmp_path)))
    batched = generate_answers(
        any_base.model, any_base, [cached(any_base, record, cache) for record in records], batch=4, max_new_tokens=12
    )
    single = [
        generate_answers(any_base.model, any_base, [example_of(record, any_base)], batch=1, max_new_tokens=12)[0]
        for record in records
    ]
    assert batched == single
    examples = [cached(any_base, record, cache) for record in records]
    for parts in ([examples[:4], examples[4:]], [[one] for one in examples]):
        begun = [
            text
            for part in parts
            if part
            for text in forced_and_generated(any_base.model, any_base, part, max_new_tokens=12)[1]
        ]
        assert begun == single


def test_positions_are_those_that_the_model_finds(any_base):
    examples = [example_of(record, any_base) for record in ragged_records()]
    inputs = collate(examples, any_base).inputs
    expected, _ = any_base.model.model.get_rope_index(
        inputs["input_ids"],
        image_grid_thw=inputs["image_grid_thw"],
        attention_mask=inputs["attention_mask"],
        mm_token_type_ids=inputs["mm_token_type_ids"],
    )
    kept = [
        Example(
            example.row,
            example.images,
            row_positions(any_base, example.row, [encode(any_base, one) for one in example.images]),
        )
        for example in examples
    ]
    assert torch.equal(collate(kept, any_base).inputs["position_ids"], expected)


def test_positions_of_another_row_are_refused(base):
    example = example_of(made_record("Where?", "there"), base)
    with pytest.raises(ValueError, match="tokens has 3 positions"):
        collate([Example(example.row, example.images, torch.zeros((3, 3)))], base)


def test_encoded_and_plain_images_do_not_mix(base):
    example = example_of(made_record("Where?", "there"), base)
    other = Example(example.row, tuple(encode(base, image) for image in example.images))
    with pytest.raises(ValueError, match="1 images are encoded and 1 are not"):
        collate_prompts([example, other], base)


def test_another_pixel_budget_or_dtype_has_other_features(tmp_path):
    def files_of(**config):
        base = load_base(ModelConfig(**config))
        VisionCache(base, CacheConfig(folder=str(tmp_path))).features(PlainImage("red", (224, 224)))
        return len(list(tmp_path.rglob("*.safetensors")))

    assert [files_of(), files_of(), files_of(max_pixels=3136), files_of(dtype="bfloat16")] == [1, 1, 2, 3]


def test_the_tower_runs_once_for_each_image_of_a_sweep(host, folder, monkeypatch):
    run(config_of(), host)
    monkeypatch.setattr("trainable.model.vision_cache.encode", lambda *_: pytest.fail("the tower ran again"))
    other = Host(ModelConfig(cache=CacheConfig(folder=str(folder))), DATA)
    assert run(config_of(), other)[-1].losses == run(config_of(), host)[-1].losses


def test_a_trained_tower_is_refused(host):
    weight = host.base.model.model.visual.merger.mlp[0].weight
    weight.requires_grad_(True)
    try:
        with pytest.raises(ModelError, match=r"the vision tower would be trained \(merger.mlp.0.weight\)"):
            VisionCache(host.base, CacheConfig(disk=0)).check_frozen()
        with pytest.raises(ModelError, match="the vision tower would be trained"):
            host.check_base()
    finally:
        weight.requires_grad_(False)
    host.check_base()


@pytest.mark.parametrize("init", ["pissa", "olora"])
def test_an_adapter_that_rewrites_the_base_is_found_out_at_once(monkeypatch, init):
    host = Host(ModelConfig(cache=CacheConfig(disk=0)), DATA)
    monkeypatch.setitem(adapter_module._INITIAL, "kaiming", init)
    with pytest.raises(ModelError, match="the base's weights were changed"):
        Trial(config_of(), host)


def test_a_fingerprint_sees_any_single_change_and_no_adapter(base):
    before = fingerprint(base.model)
    model = attach_adapter(base, AdapterConfig(), seed=0)
    assert fingerprint(model) == fingerprint(base.model) == before
    detach_adapter(model)
    generator = torch.Generator().manual_seed(0)
    for value in [*base.model.parameters()][::7]:
        flat = value.data.view(-1)
        place = int(torch.randint(len(flat), (1,), generator=generator))
        kept = flat[place].clone()
        flat[place] = torch.nextafter(kept, torch.tensor(9.0))
        assert fingerprint(base.model) != before
        flat[place] = kept
    assert fingerprint(base.model) == before


@pytest.mark.parametrize("init", ["kaiming", "gaussian", "orthogonal"])
def test_the_base_is_what_it_was_after_a_trial(host, init):
    before = fingerprint(host.base.model)
    run(config_of(adapter={"init": init, "dropout": 0.1}), host)
    assert fingerprint(host.base.model) == before


def test_scoring_with_merged_weights_gives_the_text_of_single_rows_and_leaves_the_base(host):
    trial = Trial(config_of(optimizer={"learning_rate": 0.01}), host)
    trial.advance()
    model, before = trial._model.eval(), fingerprint(host.base.model)
    records = [row.record for row in host.search_rows(16)]
    with merged(model):
        assert fingerprint(host.base.model) != before, "the adapter must be in the weights"
        examples = [host.example(record) for record in records]
        together = generate_answers(model, host.base, examples, batch=7, max_new_tokens=40)
        begun = [
            text
            for start in range(0, len(examples), 7)
            for text in forced_and_generated(model, host.base, examples[start : start + 7], max_new_tokens=40)[1]
        ]
    assert fingerprint(host.base.model) == before
    single = [
        generate_answers(model, host.base, [example_of(r, host.base)], batch=1, max_new_tokens=40)[0] for r in records
    ]
    trial.close()
    plain = [
        generate_answers(host.base.model, host.base, [host.example(r)], batch=1, max_new_tokens=40)[0] for r in records
    ]
    assert together == single
    assert begun == single
    assert together != plain


def test_bfloat16_weights_are_not_merged():
    base = load_base(ModelConfig(dtype="bfloat16"))
    model = attach_adapter(base, AdapterConfig(), seed=0)
    with torch.no_grad():
        for value in model.parameters():
            if value.requires_grad:
                value.fill_(0.1)
    before = fingerprint(base.model)
    with merged(model):
        assert fingerprint(base.model) == before
    detach_adapter(model)


@pytest.mark.parametrize("mixture", [{}, {"kl": {"on": True, "weight": 0.3}}])
def test_states_below_the_adapter_are_computed_once_and_change_no_loss(host, mixture, monkeypatch):
    config = config_of(adapter={"last_layers": 1}, mixture=mixture)
    layers = host.base.model.model.language_model.layers
    assert host.depth(config.adapter) == len(layers) - 1
    kept = run(config, host)
    passes = []
    handle = layers[0].register_forward_hook(lambda *_: passes.append(1))
    try:
        trial = Trial(config, host)
        trial._train_step()
        trial.close()
    finally:
        handle.remove()
    assert not passes, "a lower layer ran again"
    monkeypatch.setattr(Host, "depth", lambda *_: 0)
    plain = run(config, host)
    for one, other in zip(kept, plain, strict=True):
        # kl is a difference of log probabilities of several nats, each rounded to about 1e-7
        assert one.losses == pytest.approx(other.losses, rel=1e-5, abs=1e-7)
        assert one.metrics["teacher_forced.text_ce"] == pytest.approx(other.metrics["teacher_forced.text_ce"], rel=1e-5)


def test_more_layers_than_there_are_is_an_error(host):
    with pytest.raises(ModelError, match=r"adapter\.last_layers is 99, but the language model has 4 layers"):
        Trial(config_of(adapter={"last_layers": 99}), host)


def test_states_below_an_adapter_are_not_used_where_images_enter_above(any_base, tmp_path):
    from trainable.model.prefix_cache import PrefixCache

    prefixes = PrefixCache(any_base, CacheConfig(folder=str(tmp_path)), "weights")
    assert prefixes.usable(0) == 0
    assert prefixes.usable(1) == 1
    any_base.model.config.get_text_config().attention_dropout = 0.1
    assert prefixes.usable(1) == 0
    any_base.model.config.get_text_config().attention_dropout = 0.0


def test_a_hundred_trials_leave_a_worker_as_large_as_it_was(host):
    sizes = {"steps": 1, "rungs": (), "rung_rows": 2, "final_rows": 2, "batch": 2, "max_new_tokens": 4}
    config = config_of(training=sizes, adapter={"rank": 4, "targets": "attention"})
    for _ in range(20):
        run(config, host)
    before = psutil.Process().memory_info().rss
    for _ in range(100):
        run(config, host)
    assert psutil.Process().memory_info().rss < 1.05 * before


def test_a_full_disk_and_a_removed_folder_change_no_number(tmp_path):
    expected = run(config_of(), Host(ModelConfig(cache=CacheConfig(disk=0)), DATA))
    full = run(config_of(), Host(ModelConfig(cache=CacheConfig(folder=str(tmp_path), disk="3kB")), DATA))
    assert full == expected
    vanishing = Host(ModelConfig(cache=CacheConfig(folder=str(tmp_path / "gone"))), DATA)
    first = run(config_of(), vanishing)
    shutil.rmtree(tmp_path / "gone")
    assert run(config_of(), vanishing) == first == expected


def test_a_store_maps_what_it_wrote(tmp_path):
    store = TensorStore("x", CacheConfig(folder=str(tmp_path)))
    made = torch.arange(6.0)
    found = store.get("k", name=lambda: "ff" * 32, compute=lambda: {"a": made})["a"]
    assert torch.equal(found, made)
    assert found.data_ptr() != made.data_ptr()


def test_rows_of_like_lengths_share_a_batch_of_a_step_with_the_same_gradient(host, monkeypatch):
    config = config_of(training={"batch": 4, "accumulation": 4, "rungs": ()}, curriculum={"mix": "task"})
    padded = []
    collated = course_module.collate

    def counting(examples, base):
        batch = collated(examples, base)
        padded.append(batch.keep.numel() - sum(len(example.row.ids) for example in examples))
        return batch

    monkeypatch.setattr(course_module, "collate", counting)
    sorted_run = run(config, host)
    by_length, padded = sum(padded), []
    monkeypatch.setattr(Course, "_by_length", lambda self, drawn: drawn)
    plain = run(config, host)
    assert by_length < 0.7 * sum(padded)
    assert sorted_run[-1].losses == pytest.approx(plain[-1].losses, rel=1e-5)
    assert sorted_run[-1].metrics["teacher_forced.box_ce"] == pytest.approx(
        plain[-1].metrics["teacher_forced.box_ce"], rel=1e-5
    )
