"""The files for LLaMA-Factory: its own keys, the trial's values, and a plain word about what has no key there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from nightly import NIGHTLY
from ruamel.yaml import YAML
from trained_sweep import trained_spec

from search.export.chosen import ChosenTrial
from search.export.llamafactory import (
    TEMPLATES,
    llamafactory_merge_yaml,
    llamafactory_train_yaml,
    not_expressed,
)
from search.init.llamafactory_file import LlamaFactoryArguments
from spaces import TERM_NAMES, leaves
from trainable.model.family import FAMILIES
from trainable.model.load import load_processor

PLAIN = {key: leaf.default for key, leaf in leaves().items()}

TRAIN_KEYS = frozenset(
    """model_name_or_path image_max_pixels template stage do_train finetuning_type lora_rank lora_alpha lora_dropout
    lora_target use_rslora freeze_vision_tower freeze_multi_modal_projector freeze_language_model dataset dataset_dir
    media_dir max_samples cutoff_len per_device_train_batch_size gradient_accumulation_steps max_steps learning_rate
    lr_scheduler_type warmup_steps optim weight_decay adam_beta1 adam_beta2 max_grad_norm bf16 seed output_dir
    logging_steps save_steps report_to""".split()  # noqa: SIM905 - one name a word is easier to compare
)
MERGE_KEYS = frozenset(
    """model_name_or_path adapter_name_or_path template finetuning_type infer_dtype export_dir export_size export_device
    export_legacy_format""".split()  # noqa: SIM905
)
"""Fields of the argument classes of LLaMA-Factory 0.9.5 and transformers; the nightly test asks its own parser."""


def trial_of(**changes):
    point = {**PLAIN, **{key.replace("__", "."): value for key, value in changes.items()}}
    return ChosenTrial(3, "COMPLETE", "search", 0, 40, 5, 1.0, point, {}, {}, 0, "It is one.")


def files_of(spec, trial, tmp_path):
    processor = load_processor(spec.model)
    texts = (
        llamafactory_train_yaml(spec, trial, processor, base="Qwen/Qwen2-VL-2B-Instruct", out=tmp_path),
        llamafactory_merge_yaml(spec, processor, base="Qwen/Qwen2-VL-2B-Instruct", out=tmp_path),
    )
    return (*(YAML(typ="safe").load(text) for text in texts), *texts)


def test_keys_are_those_of_llamafactory_and_values_those_of_the_trial(tmp_path):
    spec = trained_spec(trial={"batch": 4, "accumulation": 3})
    trial = trial_of(
        adapter__rank=8,
        adapter__dropout=0.05,
        adapter__rank_stabilised=True,
        adapter__targets="mlp",
        optimizer__learning_rate=3e-5,
        optimizer__decay="constant",
        optimizer__warmup_share=0.1,
        optimizer__beta2=0.95,
    )
    train, merge, text, _ = files_of(spec, trial, tmp_path)
    assert train.keys() <= TRAIN_KEYS
    assert merge.keys() <= MERGE_KEYS
    expected = {
        "lora_rank": 8,
        "lora_alpha": 16,
        "lora_dropout": 0.05,
        "use_rslora": True,
        "lora_target": "gate_proj,up_proj,down_proj",
        "learning_rate": 3e-5,
        "lr_scheduler_type": "constant_with_warmup",
        "warmup_steps": 4,
        "adam_beta2": 0.95,
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 3,
        "max_steps": 40,
        "seed": 5,
        "bf16": False,
        "template": "qwen2_vl",
        "stage": "sft",
        "image_max_pixels": 25088,
    }
    assert {key: train[key] for key in expected} == expected
    assert merge["adapter_name_or_path"] == str(tmp_path)
    assert "LLaMA-Factory has a key for every setting of this trial" in text


def test_init_understands_what_export_writes(tmp_path):
    train, *_ = files_of(trained_spec(), trial_of(adapter__rank=4), tmp_path)
    read = LlamaFactoryArguments.model_validate(train)
    assert (read.lora_rank, read.lora_alpha, read.max_steps) == (4, 8, 40)
    assert set(read.lora_target) == {f"{name}_proj" for name in ("q", "k", "v", "o", "gate", "up", "down")}


def test_adapters_of_the_last_layers_name_them_one_by_one(tmp_path):
    train, *_ = files_of(trained_spec(), trial_of(adapter__last_layers=1, adapter__targets="attention"), tmp_path)
    assert train["lora_target"] == ",".join(f"layers.3.self_attn.{name}_proj" for name in "qkvo")


def test_a_dataset_of_its_registry_keeps_its_name(tmp_path):
    source = {"source": "llamafactory", "folder": "/data", "dataset": "mine", "image_folder": "/images", "max_rows": 50}
    spec = trained_spec().model_validate({**trained_spec().model_dump(), "data": {"sources": [source]}})
    train, _, text, _ = files_of(spec, trial_of(), tmp_path)
    named = {key: train[key] for key in ("dataset", "dataset_dir", "media_dir", "max_samples")}
    assert named == {"dataset": "mine", "dataset_dir": "/data", "media_dir": "/images", "max_samples": 50}
    assert "also those that scored" in text


def test_every_family_has_a_template():
    assert set(TEMPLATES) == {family.name for family in FAMILIES.values()}


@pytest.mark.parametrize("name", [name for name in TERM_NAMES if name not in ("text_ce", "box_ce")])
def test_every_loss_term_but_cross_entropy_is_named_as_missing(name, tmp_path):
    trial = trial_of(**{f"mixture__{name}__on": True})
    said = not_expressed(trial.settings, trained_spec())
    assert len(said) == 1 and f"loss term {name}: " in said[0]
    assert said[0] in files_of(trained_spec(), trial, tmp_path)[2]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mixture__box_ce__weight": 2.0}, "tokens outside boxes 1 and those inside 2"),
        ({"mixture__box_ce__on": False}, "tokens outside boxes 1 and those inside 0"),
        ({"mixture__text_ce__shape": "cosine", "mixture__text_ce__octaves": 1.0}, "schedule of text_ce: cosine"),
        ({"mixture__weighting__name": "famo"}, "weighting: famo"),
        ({"mixture__scale": "calibrated"}, "scale: calibrated"),
        ({"curriculum__pacing": "root"}, "pacing: root"),
        ({"curriculum__mix": "task", "curriculum__grounding_share": 0.7}, "70% of the rows drawn are grounding rows"),
        ({"curriculum__mix": "temperature"}, "mix: temperature"),
        ({"adapter__init": "orthogonal"}, "adapter.init: orthogonal"),
    ],
)
def test_what_has_no_key_is_said(changes, said):
    found = not_expressed(trial_of(**changes).settings, trained_spec())
    assert len(found) == 1 and said in found[0]


_PARSE = """
import json, sys
sys.path.append(sys.argv[1])
from omegaconf import OmegaConf
from llamafactory.hparams.parser import _parse_infer_args, _parse_train_args
read = lambda path: OmegaConf.to_container(OmegaConf.load(path))
train, merge = _parse_train_args(read(sys.argv[2])), _parse_infer_args(read(sys.argv[3]))
print(json.dumps([train[3].lora_target, train[3].lora_alpha, train[2].learning_rate, merge[0].adapter_name_or_path]))
"""


@NIGHTLY
def test_its_own_parser_reads_both_files(tmp_path):
    packages = ("llamafactory==0.9.5", "omegaconf", "antlr4-python3-runtime")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(tmp_path / "packages"), *packages]
    if subprocess.run(pip, check=False, timeout=300).returncode:
        pytest.skip("no package registry gives LLaMA-Factory")
    _, _, train, merge = files_of(trained_spec(), trial_of(optimizer__learning_rate=1e-5), tmp_path)
    paths = [tmp_path / "train.yaml", tmp_path / "merge.yaml"]
    for path, text in zip(paths, (train, merge), strict=True):
        path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", _PARSE, str(tmp_path / "packages"), *map(str, paths)],
        env={**os.environ, "DISABLE_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    targets, alpha, rate, adapter = json.loads(done.stdout.splitlines()[-1])
    assert (len(targets), alpha, rate, [Path(one) for one in adapter]) == (7, 32, 1e-5, [tmp_path])
