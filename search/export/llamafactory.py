"""An exported trial for LLaMA-Factory: its settings, what of them it has no key for, and how to merge the adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search.export.chosen import ChosenTrial
from search.spec import SweepSpec
from search.yaml_text import yaml_text
from spaces import Settings
from spaces.adapter import AdapterConfig, TargetGroup
from spaces.mixture import MixtureConfig, TermName
from spaces.optimizer import OptimizerConfig
from spaces.trial import LlamaFactorySource
from trainable.model.load import Processor

TRAIN_FILE, MERGE_FILE = "llamafactory-train.yaml", "llamafactory-merge.yaml"

TEMPLATES: Mapping[str, str] = {"Qwen2-VL": "qwen2_vl", "Qwen2.5-VL": "qwen2_vl", "Qwen3-VL": "qwen3_vl_nothink"}
"""LLaMA-Factory's chat template by the family of a model."""

_ATTENTION = tuple(f"self_attn.{name}_proj" for name in "qkvo")
_MLP = tuple(f"mlp.{name}_proj" for name in ("gate", "up", "down"))
_TARGETS: Mapping[TargetGroup, Sequence[str]] = {"attention": _ATTENTION, "mlp": _MLP, "all": (*_ATTENTION, *_MLP)}

_SCHEDULERS = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}

_YOURS = "yours: its name in dataset_info.json"


def llamafactory_train_yaml(spec: SweepSpec, trial: ChosenTrial, processor: Processor, *, base: str, out: Path) -> str:
    """Write a training file of LLaMA-Factory 0.9 with a trial's settings.

    Args:
        spec: The sweep.
        trial: Whose settings are written.
        processor: Of the base, with the sweep's pixel budget.
        base: Folder of the base model, or its name on the hub.
        out: Absolute; the trained adapter is to lie in it.

    Returns:
        The text of a YAML file; what it can't express stands in its comments.

    """
    settings, training = trial.settings, spec.trial
    data, data_notes = _data(spec)
    tree: dict[str, Any] = {
        "model_name_or_path": base,
        "image_max_pixels": processor.image_processor.size["longest_edge"],
        "template": TEMPLATES[processor.family.name],
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        **_adapter(settings.adapter, layers=processor.shape.layers),
        "freeze_vision_tower": True,
        "freeze_multi_modal_projector": True,
        "freeze_language_model": False,
        **data,
        "cutoff_len": spec.data.max_length,
        "per_device_train_batch_size": training.batch,
        "gradient_accumulation_steps": training.accumulation,
        "max_steps": trial.steps,
        **_optimizer(settings.optimizer, steps=trial.steps),
        "bf16": spec.model.dtype == "bfloat16",
        "seed": trial.seed,
        "output_dir": str(out / "llamafactory"),
        "logging_steps": 10,
        "save_steps": trial.steps,
        "report_to": "none",
    }
    notes = {
        "lora_alpha": f"{settings.adapter.alpha_ratio:g} times the rank",
        "cutoff_len": "longer rows are cut; paretune refuses them",
        "per_device_train_batch_size": "on one device",
        "max_steps": "as in the sweep; raise it to train longer",
        **data_notes,
    }
    return yaml_text(tree, header=_header(trial, settings, spec), notes=notes)


def llamafactory_merge_yaml(spec: SweepSpec, processor: Processor, *, base: str, out: Path) -> str:
    """Write a file by which ``llamafactory-cli export`` adds the adapter to the base's weights.

    Args:
        spec: The sweep.
        processor: Of the base.
        base: Folder of the base model, or its name on the hub.
        out: Absolute; it holds the adapter.

    """
    tree = {
        "model_name_or_path": base,
        "adapter_name_or_path": str(out),
        "template": TEMPLATES[processor.family.name],
        "finetuning_type": "lora",
        "infer_dtype": spec.model.dtype,
        "export_dir": str(out / "merged"),
        "export_size": 5,
        "export_device": "cpu",
        "export_legacy_format": False,
    }
    notes = {"export_size": "GB of a file"}
    if spec.model.dtype == "bfloat16":
        notes["infer_dtype"] = "the sums are rounded to it: scores move a little against the adapter's"
    header = [f"Adds the adapter to the base's weights: llamafactory-cli export {MERGE_FILE}"]
    return yaml_text(tree, header=header, notes=notes)


def not_expressed(settings: Settings, spec: SweepSpec) -> tuple[str, ...]:
    """Say which settings LLaMA-Factory has no key for, one text each; nothing if it has one for all of them."""
    return (
        *_terms_not_expressed(settings.mixture),
        *_curriculum_not_expressed(settings, spec),
        *_adapter_not_expressed(settings.adapter),
    )


def _header(trial: ChosenTrial, settings: Settings, spec: SweepSpec) -> list[str]:
    lines = [f"Settings of trial {trial.number} for LLaMA-Factory: llamafactory-cli train {TRAIN_FILE}", ""]
    missing = not_expressed(settings, spec)
    if not missing:
        return [*lines, "LLaMA-Factory has a key for every setting of this trial."]
    return [
        *lines,
        "LLaMA-Factory trains on plain cross entropy and draws rows evenly. It has no key for these settings, so that",
        "the trial's scores are not to be expected from it; paretune sweep train.yaml trains with all of them:",
        *(f"- {text}" for text in missing),
    ]


def _adapter(config: AdapterConfig, *, layers: int) -> dict[str, Any]:
    alpha = config.rank * config.alpha_ratio
    names = _TARGETS[config.targets]
    if config.last_layers:
        names = [f"layers.{at}.{name}" for at in range(layers - config.last_layers, layers) for name in names]
    else:
        names = [name.rpartition(".")[2] for name in names]
    return {
        "lora_rank": config.rank,
        "lora_alpha": int(alpha) if alpha == int(alpha) else alpha,
        "lora_dropout": config.dropout,
        "lora_target": ",".join(names),
        "use_rslora": config.rank_stabilised,
    }


def _optimizer(config: OptimizerConfig, *, steps: int) -> dict[str, Any]:
    warmup = round(config.warmup_share * steps)
    scheduler = _SCHEDULERS[config.decay] if warmup or config.decay != "constant" else "constant"
    return {
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": scheduler,
        "warmup_steps": warmup,
        "optim": "adamw_torch",
        "weight_decay": config.weight_decay,
        "adam_beta1": 0.9,
        "adam_beta2": config.beta2,
        "max_grad_norm": config.clip_norm,
    }


def _data(spec: SweepSpec) -> tuple[dict[str, Any], dict[str, str]]:
    """Give the keys of the data, and comments on them."""
    sources = [source for source in spec.data.sources if isinstance(source, LlamaFactorySource)]
    folders = {source.folder for source in sources}
    if len(sources) < len(spec.data.sources) or len(folders) != 1:
        return {"dataset": "CHANGE_ME", "dataset_dir": "data"}, {"dataset": _YOURS, "dataset_dir": "yours"}
    trained = [source for source in sources if source.split in (None, "train")]
    data: dict[str, Any] = {
        "dataset": ",".join(dict.fromkeys(source.dataset for source in trained)),
        "dataset_dir": folders.pop(),
    }
    images = {source.image_folder for source in trained}
    if len(images) == 1 and (folder := images.pop()):
        data["media_dir"] = folder
    limits = {source.max_rows for source in trained}
    if len(limits) == 1 and (limit := limits.pop()):
        data["max_samples"] = limit
    return data, {"dataset": "all of its rows, also those that scored the sweep's trials"}


def _terms_not_expressed(mixture: MixtureConfig) -> list[str]:
    weights, terms = mixture.mean_weights(), mixture.terms()
    fields = type(mixture).model_fields
    plain: tuple[TermName, ...] = ("text_ce", "box_ce")
    found = [
        f"loss term {name}: {fields[name].description}, weight {weight:g}"
        for name, weight in weights.items()
        if name not in plain
    ]
    own = [weights.get(name, 0.0) for name in plain]
    if own[0] != own[1]:
        found.insert(
            0, f"cross entropy weighs tokens outside boxes {own[0]:g} and those inside {own[1]:g}; there both 1"
        )
    elif own[0] != 1:
        found.insert(0, f"cross entropy has weight {own[0]:g}; there it is 1")
    if mixture.scale == "calibrated":
        found.append("scale: calibrated, by which each term is divided by its value for the base")
    found += [
        f"schedule of {name}: {terms[name].shape}, so that its weight changes over the steps"
        for name in weights
        if terms[name].shape != "constant"
    ]
    if mixture.weighting.name != "static":
        found.append(f"weighting: {mixture.weighting.name}, by which weights follow the losses")
    return found


def _curriculum_not_expressed(settings: Settings, spec: SweepSpec) -> list[str]:
    curriculum, found = settings.curriculum, list[str]()
    if curriculum.pacing != "none":
        found.append(f"pacing: {curriculum.pacing}, by which grounding rows come in an order of difficulty")
    match curriculum.mix:
        case "task":
            found.append(
                f"mix: {curriculum.grounding_share:.0%} of the rows drawn are grounding rows at half the trial"
            )
        case "temperature" | "sources":
            found.append(f"mix: {curriculum.mix}; the nearest key is interleave_probs, whose shares do not move")
        case "data":
            if any(source.share for source in spec.data.sources):
                found.append("shares of data.sources; the nearest key is interleave_probs")
    return found


def _adapter_not_expressed(config: AdapterConfig) -> list[str]:
    return [] if config.init == "kaiming" else [f"adapter.init: {config.init}; there it is PEFT's kaiming"]
