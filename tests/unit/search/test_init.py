"""A first sweep file from a training file of LLaMA-Factory, and from data: what it says, and what is refused."""

import json

import pytest
from scene_files import training_file, write_scenes

from search.check import check_data
from search.cli import main
from search.export.llamafactory import TEMPLATES as EXPORTED
from search.init import Machine
from search.init import file as init_file
from search.init.llamafactory_file import LlamaFactoryArguments
from search.init.llamafactory_keys import reason_of
from search.init.model import TEMPLATES, templates_for
from search.init.start import Training
from search.init.sweep_text import length_of
from search.spec_file import load_spec
from trainable.model.family import FAMILIES
from trainable.model.tiny import tiny_folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp("data"))


def started(capsys, path, out, *words):
    assert main(["init", str(path), "--out", str(out), "--json", *words]) == 0
    return json.loads(capsys.readouterr().out), load_spec(out)


def refused(capsys, path, out, *words):
    assert main(["init", str(path), "--out", str(out), *words]) == 2
    assert not out.exists() and not list(out.parent.glob(".*.part"))
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return said.err


def test_every_value_of_a_training_file_is_that_of_trial_0(data, tmp_path, capsys):
    result, spec = started(capsys, training_file(tmp_path, data), tmp_path / "sweep.yaml")
    point = spec.space.baseline()
    expected = {
        "adapter.rank": 4,
        "adapter.alpha_ratio": 3.0,
        "adapter.dropout": 0.05,
        "adapter.targets": "attention",
        "adapter.rank_stabilised": False,
        "optimizer.learning_rate": 1e-3,
        "optimizer.warmup_share": 0.1,
        "optimizer.decay": "linear",
        "optimizer.weight_decay": 0.01,
        "optimizer.beta2": 0.999,
        "optimizer.clip_norm": 1.0,
    }
    assert {key: point[key] for key in expected} == expected
    assert (spec.trial.batch, spec.trial.accumulation, spec.trial.seed) == (4, 2, 7)
    assert (spec.model.path, spec.model.dtype, spec.model.max_pixels) == (str(tiny_folder()), "float32", 25088)
    assert (spec.data.search_share, spec.data.max_length) == (0.3, 1024)
    assert spec.data.sources[0].folder == str(data)
    assert [objective.metric for objective in spec.objectives] == ["grounding.miou", "text.token_f1"]
    assert result["searched"] == list(spec.space.dimensions)
    assert result["rows"]["train"].keys() == {"grounding", "text"}


def test_the_file_passes_the_check_and_its_steps_follow_from_data_and_epochs(data, tmp_path, capsys):
    result, spec = started(capsys, training_file(tmp_path, data), tmp_path / "sweep.yaml")
    check_data(spec)
    rows = sum(result["rows"]["train"].values())
    whole = -(-3 * rows // 8)
    assert spec.trial.steps == max(8, round(whole / 4))
    assert spec.trial.rungs and spec.trial.rungs[-1] < spec.trial.steps
    assert f"# of {whole}, 3 epochs" in (tmp_path / "sweep.yaml").read_text()


@pytest.mark.parametrize(
    ("training", "rows", "whole", "steps", "rungs"),
    [
        (Training(batch=1, accumulation=8, epochs=3), 8000, 3000, 400, (50, 100, 200)),
        (Training(batch=8, accumulation=2, epochs=1), 3200, 200, 50, (6, 12, 25)),
        (Training(batch=8, accumulation=2, steps=1000), 3200, 1000, 250, (31, 62, 125)),
        (Training(batch=8, accumulation=2, epochs=1), 160, 10, 8, (1, 2, 4)),
        (Training(batch=8, accumulation=2, epochs=1), 3, 1, 1, ()),
    ],
)
def test_a_trial_has_a_quarter_of_the_steps_of_a_training(training, rows, whole, steps, rungs):
    length = length_of(training, rows)
    assert (length.whole, length.steps, length.rungs) == (whole, steps, rungs)


def test_every_key_is_used_or_listed_with_a_reason(data, tmp_path, capsys):
    changes = {"neftune_noise_alpha": 5, "lora_targt": "all", "hub_token": "hf_topsecret", "freeze_vision_tower": False}
    path = training_file(tmp_path, data, changes=changes)
    result, _ = started(capsys, path, tmp_path / "sweep.yaml")
    text = (tmp_path / "sweep.yaml").read_text()
    keys = [line.partition(":")[0] for line in path.read_text().splitlines() if line and not line.startswith("#")]
    listed = {line.partition(":")[0] for line in result["not_carried_over"]}
    assert set(keys) - set(LlamaFactoryArguments.model_fields) <= listed
    assert {"freeze_vision_tower", "do_train", "output_dir"} <= listed
    assert all(f"# - {line}" in text for line in result["not_carried_over"])
    assert "lora_targt: all - paretune knows no such key; did you mean lora_target?" in result["not_carried_over"]
    assert "topsecret" not in text


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("learnin_rate", "; did you mean learning_rate?"),
        ("logging_step", "; did you mean logging_steps?"),
        ("Template", "; did you mean template?"),
        ("colour", ""),
    ],
)
def test_the_name_that_a_misspelt_key_comes_near_to_is_said(key, meant, data, tmp_path, capsys):
    path = training_file(tmp_path, data, changes={key: 1})
    assert main(["init", str(path), "--out", str(tmp_path / "sweep.yaml")]) == 0
    line = f"{key}: 1 - paretune knows no such key{meant}"
    assert f"\n  {line}\n" in capsys.readouterr().out
    assert f"\n# - {line}\n" in (tmp_path / "sweep.yaml").read_text()


def test_known_keys_that_play_no_part_have_a_reason_of_their_own():
    for key in ("deepspeed", "flash_attn", "quantization_bit", "use_dora", "pissa_init", "packing", "train_on_prompt"):
        assert reason_of(key) != reason_of("no_such_key")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stage": "dpo"}, ["train_lora.yaml:", "stage: got 'dpo'", "stage: sft"]),
        ({"finetuning_type": "full"}, ["finetuning_type: got 'full'", "LoRA adapters"]),
        (
            {"template": "llama3"},
            [
                "template: got 'llama3'; paretune trains Qwen2-VL, Qwen2.5-VL and Qwen3-VL. Set it to that",
                "qwen2_vl for Qwen2-VL, qwen2_vl or qwen2_5_vl for Qwen2.5-VL, qwen3_vl or qwen3_vl_nothink for Qwen3",
            ],
        ),
        (
            {"template": "qwen2_5_vl"},
            ["template: got 'qwen2_5_vl', of Qwen2.5-VL; ", "is Qwen2-VL. Set it to qwen2_vl."],
        ),
        ({"template": "qwen3_vl"}, ["train_lora.yaml:LAST:11: template: got 'qwen3_vl'", "Set it to qwen2_vl."]),
        (
            {"model_name_or_path": "./nobase"},
            ["train_lora.yaml:LAST:21: model_name_or_path: no folder './nobase' with a config.json"],
        ),
        ({"model_name_or_path": "~/nobase"}, ["no folder '~/nobase'", "or to a name on the hub such as Qwen/Qwen2-VL"]),
        ({"model_name_or_path": "/no/Qwen2-VL"}, ["no folder '/no/Qwen2-VL'"]),
        ({"model_name_or_path": "models/vlm/qwen2-vl"}, ["no folder 'models/vlm/qwen2-vl'"]),
        ({"adapter_name_or_path": "saves/x"}, ["adapter_name_or_path", "without an adapter"]),
        ({"freeze_language_model": True}, ["freeze_language_model: got true"]),
        ({"dataset_dir": "ONLINE"}, ["dataset_dir: got 'ONLINE'", "on this machine"]),
        ({"dataset_dir": "nowhere"}, ["dataset_dir: no folder 'nowhere' with a dataset_info.json"]),
        ({"dataset": "scene"}, ["has no data set 'scene'", "scenes"]),
        ({"lora_rank": "big"}, ["lora_rank: got 'big'; expected a whole number"]),
        ({"learning_rate": 0}, ["learning_rate: got 0; expected more than 0"]),
        ({"stage": "dpo", "finetuning_type": "full"}, ["stage: got 'dpo'", "finetuning_type: got 'full'"]),
    ],
)
def test_what_paretune_does_not_train_is_refused_at_its_place(changes, said, data, tmp_path, capsys):
    path = training_file(tmp_path, data, changes=changes)
    err, last = refused(capsys, path, tmp_path / "sweep.yaml"), len(path.read_text().splitlines())
    for words in said:
        assert words.replace("LAST", str(last)) in err


def test_a_base_of_another_family_is_refused(data, tmp_path, capsys):
    other = tmp_path / "llama"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({"model_type": "llama", "vocab_size": 10}))
    err = refused(
        capsys, training_file(tmp_path, data, changes={"model_name_or_path": str(other)}), tmp_path / "s.yaml"
    )
    assert "model:" in err
    path = training_file(tmp_path, data, changes={"model_name_or_path": "meta-llama/Llama-3-8B"}, drop=("template",))
    assert "none of the families" in refused(capsys, path, tmp_path / "s.yaml")


def test_a_name_on_the_hub_needs_not_be_here(data, tmp_path, capsys):
    changes = {"model_name_or_path": "nobody/Qwen2-VL-mine", "template": "qwen2_5_vl"}
    _, spec = started(capsys, training_file(tmp_path, data, changes=changes), tmp_path / "sweep.yaml")
    assert spec.model.path == "nobody/Qwen2-VL-mine"


@pytest.mark.parametrize("name", ["./nobase", "./Qwen2-VL-2B", "~/Qwen2-VL", "/no/Qwen2-VL", "a/b/Qwen2-VL"])
def test_a_base_by_its_path_must_be_there(data, tmp_path, capsys, name):
    assert f"model: there is no folder {name!r}" in refused(capsys, data, tmp_path / "s.yaml", "--model", name)


def test_each_template_is_of_families_that_there_are_and_each_family_has_the_one_that_export_writes():
    names = {family.name for family in FAMILIES.values()}
    assert {name for families in TEMPLATES.values() for name in families} == names
    assert all(EXPORTED[name] in templates_for(name) for name in names)


def test_videos_are_refused(data, tmp_path, capsys):
    registry = json.loads((data / "dataset_info.json").read_text())
    folder = tmp_path / "videos"
    folder.mkdir()
    registry["clips"] = {**registry["scenes"], "columns": {"messages": "messages", "videos": "videos"}}
    (folder / "dataset_info.json").write_text(json.dumps(registry))
    (folder / "scenes.json").write_text("[]")
    path = training_file(tmp_path, folder, changes={"dataset": "clips"})
    assert "'clips' holds videos" in refused(capsys, path, tmp_path / "sweep.yaml")


@pytest.mark.parametrize(
    ("kept", "missing", "fitting"),
    [
        ("text", "no answer with boxes", "text.token_f1 text.exact_match"),
        ("grounding", "no answer with texts without a box", "grounding.miou grounding.acc50_95"),
    ],
)
def test_data_of_one_task_are_refused_with_objectives_that_fit(kept, missing, fitting, tmp_path, capsys):
    folder = write_scenes(tmp_path / "data", tasks=(kept,))
    path = training_file(tmp_path, folder)
    err = refused(capsys, path, tmp_path / "sweep.yaml")
    assert missing in err and f"--objectives {fitting}" in err
    _, spec = started(capsys, path, tmp_path / "sweep.yaml", "--objectives", *fitting.split())
    assert [objective.metric for objective in spec.objectives] == fitting.split()
    check_data(spec)


def test_several_data_sets_keep_their_shares_and_an_evaluation_set_scores(data, tmp_path, capsys):
    folder = write_scenes(tmp_path / "data", scenes=6)
    write_scenes(folder, scenes=5, name="words", tasks=("text",))
    registry = json.loads((folder / "dataset_info.json").read_text())
    changes = {"dataset": "scenes,words", "mix_strategy": "interleave_over", "interleave_probs": "3,1"}
    result, spec = started(capsys, training_file(tmp_path, folder, changes=changes), tmp_path / "sweep.yaml")
    assert [(one.dataset, one.share) for one in spec.data.sources] == [("scenes", 0.75), ("words", 0.25)]
    assert "curriculum.grounding_share" not in result["searched"]  # shares of tasks would overrule them
    assert set(registry) == {"scenes", "words"}


def test_an_evaluation_set_scores_the_trials(data, tmp_path, capsys):
    folder = write_scenes(tmp_path / "data", scenes=6)
    other = write_scenes(tmp_path / "other", scenes=9)
    rows = [row for row in json.loads((other / "scenes.json").read_text()) if not (folder / row["images"][0]).exists()]
    assert rows
    for row in rows:
        name = row["images"][0].rpartition("/")[2]
        (folder / "images" / f"eval-{name}").write_bytes((other / "images" / name).read_bytes())
        row["images"] = [f"images/eval-{name}"]
    (folder / "eval.json").write_text(json.dumps(rows))
    registry = json.loads((folder / "dataset_info.json").read_text())
    registry["eval"] = {**registry["scenes"], "file_name": "eval.json"}
    (folder / "dataset_info.json").write_text(json.dumps(registry))
    path = training_file(tmp_path, folder, changes={"eval_dataset": "eval"})
    _, spec = started(capsys, path, tmp_path / "sweep.yaml")
    assert [(one.dataset, one.split) for one in spec.data.sources] == [("scenes", None), ("eval", "search")]
    assert {record.source for record in check_data(spec).prepared.split.search} == {1}


def test_relative_folders_start_from_here_or_above_the_file(data, tmp_path, capsys, monkeypatch):
    write_scenes(tmp_path / "repo" / "data")
    inner = tmp_path / "repo" / "examples" / "train_lora"
    inner.mkdir(parents=True)
    path = training_file(inner, data, drop=("dataset_dir",))
    monkeypatch.chdir(tmp_path)
    _, spec = started(capsys, path, tmp_path / "repo" / "sweep.yaml")
    assert spec.data.sources[0].folder == str(tmp_path / "repo" / "data")
    assert "folder: ./data" in (tmp_path / "repo" / "sweep.yaml").read_text()


def test_data_alone_need_a_base(data, tmp_path, capsys):
    assert "give --model" in refused(capsys, data / "scenes.json", tmp_path / "sweep.yaml")
    result, spec = started(capsys, data / "scenes.json", tmp_path / "sweep.yaml", "--model", "tiny")
    assert spec.data.sources[0].source == "rows"
    assert result["not_carried_over"] == []
    check_data(spec)


@pytest.mark.parametrize("words", [(), ("--dataset", "scenes")])
def test_a_folder_with_a_registry_is_read_by_it(words, data, tmp_path, capsys):
    _, spec = started(capsys, data, tmp_path / "sweep.yaml", "--model", "tiny", *words)
    assert (spec.data.sources[0].source, spec.data.sources[0].dataset) == ("llamafactory", "scenes")


@pytest.fixture
def apart(tmp_path):
    """Give a folder with a registry, and another with its images."""
    folder = write_scenes(tmp_path / "apart", scenes=6)
    (tmp_path / "photos").mkdir()
    (folder / "images").rename(tmp_path / "photos" / "images")
    return folder, tmp_path / "photos"


@pytest.mark.parametrize("words", [(), ("--dataset", "scenes")])
def test_the_images_of_a_registry_may_lie_elsewhere(words, apart, tmp_path, capsys):
    folder, photos = apart
    out, base = tmp_path / "sweep.yaml", ("--model", "tiny")
    err = refused(capsys, folder, out, *base, *words)
    first = err.splitlines()[0]
    assert first.startswith("paretune: data: ")
    assert first.endswith("; give the folder that the images' paths start from by --images DIR")
    assert "' does not exist in " in err
    (folder / "words.json").write_text(json.dumps([{"instruction": f"Say {i}", "output": str(i)} for i in range(9)]))
    registry = json.loads((folder / "dataset_info.json").read_text())
    both = {**registry, "words": {"file_name": "words.json"}}
    (folder / "dataset_info.json").write_text(json.dumps(both))
    err = refused(capsys, folder, out, *base, "--dataset", "scenes,words")
    assert (
        "no answer with boxes is left" in err and "give the folder that the images' paths start from by --images" in err
    )
    (folder / "dataset_info.json").write_text(json.dumps(registry))
    assert "--images: nowhere is no folder" in refused(capsys, folder, out, *base, *words, "--images", "nowhere")
    result, spec = started(capsys, folder, out, *base, *words, "--images", str(photos))
    assert (spec.data.sources[0].image_folder, result["refused"]) == (str(photos), 0)
    check_data(spec)


def test_the_images_of_a_training_file_are_found_by_its_media_dir(apart, tmp_path, capsys):
    folder, photos = apart
    out = tmp_path / "sweep.yaml"
    path = training_file(tmp_path, folder)
    assert f"; add media_dir to {path}: it is the folder" in refused(capsys, path, out)
    path = training_file(tmp_path, folder, changes={"media_dir": str(folder)})
    line = len(path.read_text().splitlines())
    assert f"; {path}:{line}:1: set media_dir to the folder" in refused(capsys, path, out)
    path = training_file(tmp_path, folder, changes={"media_dir": "nowhere"})
    assert f"{path}:{line}:12: media_dir: no folder 'nowhere' was found from here" in refused(capsys, path, out)
    _, spec = started(capsys, training_file(tmp_path, folder, changes={"media_dir": str(photos)}), out)
    assert spec.data.sources[0].image_folder == str(photos)


def test_what_is_no_data_and_no_training_file_is_named(data, tmp_path, capsys, examples):
    out = tmp_path / "sweep.yaml"
    assert "is a sweep file already" in refused(capsys, examples / "shapes.yaml", out)
    assert "does not exist" in refused(capsys, tmp_path / "nothing", out)
    (tmp_path / "odd.yaml").write_text("alpha: 1\n")
    assert "is no training file of LLaMA-Factory: it holds alpha" in refused(capsys, tmp_path / "odd.yaml", out)
    (tmp_path / "broken.yaml").write_text("stage: [sft\n")
    assert "broken.yaml:" in refused(capsys, tmp_path / "broken.yaml", out)
    assert "is for data" in refused(capsys, training_file(tmp_path, data), out, "--model", "tiny")
    assert "--objectives: " in refused(capsys, data, out, "--model", "tiny", "--objectives", "text.f1", "text.anls")
    both = ("--objectives", "text.anls", "text.anls")
    assert "two different scores" in refused(capsys, data, out, "--model", "tiny", *both)


def test_a_file_that_exists_is_not_written_over(data, tmp_path, capsys):
    out = tmp_path / "sweep.yaml"
    out.write_text("mine")
    assert main(["init", str(data), "--out", str(out), "--model", "tiny"]) == 2
    assert "exists" in capsys.readouterr().err
    assert out.read_text() == "mine"


def test_a_machine_with_gpus_runs_a_trial_on_each(data, tmp_path):
    request = init_file.InitRequest(path=training_file(tmp_path, data), out=tmp_path / "sweep.yaml")
    spec = init_file.init_sweep(request, Machine(cpus=32, gpus=4)).spec
    assert (spec.search.concurrency, spec.trial.resources.gpus, spec.trial.resources.cpus) == (4, 1, 8)
    assert spec.search.trials == 200
    assert spec.search.pruner.warmup_trials >= 4


def test_a_long_answer_is_given_room(tmp_path, capsys):
    folder = write_scenes(tmp_path / "data")
    rows = json.loads((folder / "scenes.json").read_text())
    for row in rows:
        if "box" not in row["messages"][-1]["content"]:
            row["messages"][-1]["content"] = "a red circle and " * 30
    (folder / "scenes.json").write_text(json.dumps(rows))
    _, spec = started(capsys, training_file(tmp_path, folder), tmp_path / "sweep.yaml")
    assert spec.trial.max_new_tokens > 120
