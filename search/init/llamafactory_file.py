"""A training file of LLaMA-Factory, read for a sweep."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from search.errors import SpecError
from search.fault_text import fault_text
from search.init.llamafactory_keys import reason_of, shown_value
from search.init.model import TEMPLATES, checked_model, is_path, templates_for
from search.init.start import Start, Training
from search.secrets import masked
from search.yaml_tree import Tree
from spaces import Fault
from spaces.adapter import TargetGroup
from spaces.faults import fault_of
from spaces.optimizer import Decay
from spaces.trial import LlamaFactorySource, SplitName
from trainable.data.sources.llamafactory import REGISTRY
from trainable.model.family import FAMILIES, Family

_ATTENTION = frozenset({"q_proj", "k_proj", "v_proj", "o_proj"})
_MLP = frozenset({"gate_proj", "up_proj", "down_proj"})
_DECAYS: Mapping[str, Decay] = {
    "constant": "constant",
    "constant_with_warmup": "constant",
    "linear": "linear",
    "cosine": "cosine",
}

_ON_THE_HUB = "Qwen/Qwen2-VL-2B-Instruct"
_INTERLEAVED = ("interleave_under", "interleave_over", "interleave_once")


def _split(value: object) -> object:
    """Let a list be written as LLaMA-Factory does: as one text with commas."""
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


_Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


class LlamaFactoryArguments(BaseModel):
    """The keys of a training file that a sweep can use, with the defaults of LLaMA-Factory 0.9 and transformers."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    model_name_or_path: str = Field(min_length=1)
    template: str | None = None
    stage: str = "sft"
    finetuning_type: str = "lora"
    adapter_name_or_path: str | None = None
    freeze_vision_tower: bool = True
    freeze_multi_modal_projector: bool = True
    freeze_language_model: bool = False
    bf16: bool = False
    fp16: bool = False
    image_max_pixels: int = Field(default=768 * 768, ge=784)
    image_resolution: int | None = Field(default=None, ge=28)
    dataset: _Names = Field(min_length=1)
    dataset_dir: str = "data"
    media_dir: str | None = None
    eval_dataset: _Names = ()
    cutoff_len: int = Field(default=2048, ge=16)
    max_samples: int | None = Field(default=None, ge=1)
    val_size: float = Field(default=0.0, ge=0)
    mix_strategy: Literal["concat", "interleave_under", "interleave_over", "interleave_once"] = "concat"
    interleave_probs: Annotated[tuple[float, ...], BeforeValidator(_split)] = ()
    lora_rank: int = Field(default=8, ge=1, le=1024)
    lora_alpha: float | None = Field(default=None, gt=0)
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    lora_target: _Names = ("all",)
    use_rslora: bool = False
    learning_rate: float = Field(default=5.0e-5, gt=0)
    lr_scheduler_type: str = "linear"
    warmup_ratio: float = Field(default=0.0, ge=0, lt=1)
    warmup_steps: float = Field(default=0, ge=0)
    weight_decay: float = Field(default=0.0, ge=0)
    adam_beta2: float = Field(default=0.999, gt=0, lt=1)
    max_grad_norm: float = Field(default=1.0, ge=0)
    per_device_train_batch_size: int = Field(default=8, ge=1)
    per_device_eval_batch_size: int = Field(default=8, ge=1)
    gradient_accumulation_steps: int = Field(default=1, ge=1)
    num_train_epochs: float = Field(default=3.0, gt=0)
    max_steps: int = -1
    seed: int = Field(default=42, ge=0)


_TARGETS: Mapping[frozenset[str], TargetGroup] = {
    frozenset({"all"}): "all",
    _ATTENTION | _MLP: "all",
    _ATTENTION: "attention",
    _MLP: "mlp",
}


def is_llamafactory(value: object) -> bool:
    """Tell whether a YAML or JSON mapping is a training file of LLaMA-Factory."""
    return isinstance(value, dict) and bool({"model_name_or_path", "dataset", "finetuning_type", "stage"} & set(value))


def read_llamafactory_file(path: Path, tree: Tree) -> Start:
    """Take a training file apart.

    Args:
        path: Of the file.
        tree: Its values.

    Raises:
        SpecError: If a value is wrong, asks for what paretune does not train, or names what is not there.
        CheckError: If the base is of no family that paretune trains.

    """
    values = {str(key): value for key, value in _mapping(tree).items() if value is not None}
    try:
        arguments = LlamaFactoryArguments.model_validate(values)
    except ValidationError as error:
        faults = [fault_of(part, part["loc"][:1] or ()) for part in error.errors()]
        raise _refused(path, tree, [*faults, *_unsupported(values)]) from error
    if faults := _unsupported(values):
        raise _refused(path, tree, faults)
    folder = _data_folder(path, arguments.dataset_dir, tree)
    images = _image_folder(path, arguments.media_dir, tree)
    found = _Notes(arguments, values)
    model, family = checked_model(
        _local_model(path, arguments.model_name_or_path, tree),
        dtype="bfloat16" if arguments.bf16 or arguments.fp16 else "float32",
        max_pixels=arguments.image_resolution**2 if arguments.image_resolution else arguments.image_max_pixels,
        template=arguments.template,
    )
    _check_template(path, arguments, tree, family)
    return Start(
        told_by=path.name,
        model=model,
        sources=tuple(_sources(arguments, folder, images)),
        images_fix=_images_fix(path, tree),
        max_length=arguments.cutoff_len,
        search_share=arguments.val_size if 0 < arguments.val_size < 0.6 and not arguments.eval_dataset else None,
        training=_training(arguments),
        notes=found.notes,
        not_carried=tuple(found.lines()),
    )


def _mapping(tree: Tree) -> dict[Any, Any]:
    return tree.value if isinstance(tree.value, dict) else {}


def _refused(path: Path, tree: Tree, faults: Sequence[Fault]) -> SpecError:
    texts: dict[str, None] = {}
    for fault in faults:
        places = tree.keys if fault.at_key else tree.values
        place = places.get(fault.path) or tree.keys.get(fault.path) or tree.values.get(())
        texts[masked(fault_text(place.text if place else str(path), fault))] = None
    return SpecError(str(path), list(texts))


def _unsupported(values: Mapping[str, Any]) -> list[Fault]:
    """Find what asks for something that a sweep can't do; nothing of it is dropped in silence."""
    faults: list[Fault] = []
    stage, method = values.get("stage", "sft"), values.get("finetuning_type", "lora")
    if stage != "sft":
        faults.append(Fault(("stage",), f"got {stage!r}; paretune trains stage: sft, answers that are given"))
    if method != "lora":
        fix = "Set it to lora; the sweep's scores then are those of adapters."
        faults.append(Fault(("finetuning_type",), f"got {method!r}; paretune trains LoRA adapters", fix=fix))
    if values.get("adapter_name_or_path"):
        fix = "Merge it into the base by llamafactory-cli export, and give the merged folder as model_name_or_path."
        faults.append(Fault(("adapter_name_or_path",), "paretune starts from a base without an adapter", fix=fix))
    if values.get("freeze_language_model") is True:
        faults.append(
            Fault(
                ("freeze_language_model",), "got true; paretune trains adapters of the language model and nothing else"
            )
        )
    template = values.get("template")
    if isinstance(template, str) and template not in TEMPLATES:
        families = [family.name for family in FAMILIES.values()]
        message = f"got {template!r}; paretune trains {', '.join(families[:-1])} and {families[-1]}"
        fits = ", ".join(f"{' or '.join(templates_for(name))} for {name}" for name in families)
        faults.append(Fault(("template",), message, tuple(TEMPLATES), fix=f"Set it to that of the base: {fits}."))
    folder = values.get("dataset_dir")
    if isinstance(folder, str) and (folder == "ONLINE" or folder.startswith("REMOTE:")):
        message = f"got {folder!r}; paretune reads data sets that lie on this machine"
        faults.append(Fault(("dataset_dir",), message, fix=f"Download them, and name the folder of {REGISTRY}."))
    if values.get("streaming") and not values.get("dataset"):
        faults.append(Fault(("streaming",), "a stream without a data set can't be read"))
    return faults


def _bases(path: Path) -> Iterator[Path]:
    """Give the folders from which a relative path may start: LLaMA-Factory's own working folder is not known."""
    yield Path.cwd()
    yield from Path(os.path.abspath(path)).parents  # noqa: PTH100 keep links as they are


def _data_folder(path: Path, folder: str, tree: Tree) -> Path:
    wanted = Path(os.path.expanduser(folder))  # noqa: PTH111 a ~ of nobody stays
    for base in _bases(path):
        if (base / wanted / REGISTRY).is_file():
            return base / wanted
    message = f"no folder {folder!r} with a {REGISTRY} was found from here, nor from the folders above {path}"
    key = "dataset_dir" if "dataset_dir" in _mapping(tree) else "dataset"
    raise _refused(path, tree, [Fault((key,), message, fix="Set dataset_dir to its absolute path.")])


def _local_model(path: Path, name: str, tree: Tree) -> str:
    """Make the path of a base absolute if it is there; anything else is a name on the hub, or refused."""
    wanted = Path(os.path.expanduser(name))  # noqa: PTH111 a ~ of nobody stays
    for base in _bases(path):
        if (base / wanted / "config.json").is_file():
            return str(base / wanted)
    if is_path(name):
        message = f"no folder {name!r} with a config.json was found from here, nor from the folders above {path}"
        fix = "Set it to the absolute path of the base's folder, or to a name on the hub such as " + _ON_THE_HUB
        raise _refused(path, tree, [Fault(("model_name_or_path",), message, fix=f"{fix}.")])
    return name


def _check_template(path: Path, arguments: LlamaFactoryArguments, tree: Tree, family: Family | None) -> None:
    """See that the template is of the base's family, if that is known."""
    template = arguments.template
    if template is None or family is None or family.name in TEMPLATES[template]:
        return
    message = (
        f"got {template!r}, of {' and '.join(TEMPLATES[template])}; {arguments.model_name_or_path} is {family.name}"
    )
    fix = f"Set it to {' or '.join(templates_for(family.name))}."
    raise _refused(path, tree, [Fault(("template",), message, fix=fix)])


def _image_folder(path: Path, media_dir: str | None, tree: Tree) -> Path | None:
    if media_dir is None:
        return None
    wanted = Path(os.path.expanduser(media_dir))  # noqa: PTH111 a ~ of nobody stays
    for base in _bases(path):
        if (base / wanted).is_dir():
            return base / wanted
    message = f"no folder {media_dir!r} was found from here, nor from the folders above {path}"
    fix = "Set media_dir to the absolute path of the folder that the images' paths start from, or remove it."
    raise _refused(path, tree, [Fault(("media_dir",), message, fix=fix)])


def _images_fix(path: Path, tree: Tree) -> str:
    """Say which key of the training file decides where images are looked for."""
    place = tree.keys.get(("media_dir",))
    key = f"add media_dir to {path}: it is" if place is None else f"{place.text}: set media_dir to"
    return f"{key} the folder that the images' paths start from"


def _sources(arguments: LlamaFactoryArguments, folder: Path, images: Path | None) -> Iterator[LlamaFactorySource]:
    shares = arguments.interleave_probs
    is_shared = arguments.mix_strategy in _INTERLEAVED and len(shares) == len(arguments.dataset) > 1
    total = sum(shares)
    splits: list[tuple[str, SplitName | None]] = [
        *((name, None) for name in arguments.dataset),
        *((name, "search") for name in arguments.eval_dataset),
    ]
    for at, (name, split) in enumerate(splits):
        yield LlamaFactorySource(
            source="llamafactory",
            folder=str(folder),
            dataset=name,
            image_folder=None if images is None else str(images),
            max_rows=arguments.max_samples,
            share=shares[at] / total if is_shared and split is None else None,
            split=split,
        )


def _training(arguments: LlamaFactoryArguments) -> Training:
    alpha = arguments.lora_alpha or 2 * arguments.lora_rank
    warmup = arguments.warmup_steps
    return Training(
        batch=arguments.per_device_train_batch_size,
        accumulation=arguments.gradient_accumulation_steps,
        epochs=arguments.num_train_epochs,
        steps=arguments.max_steps if arguments.max_steps > 0 else None,
        eval_batch=arguments.per_device_eval_batch_size,
        seed=arguments.seed,
        rank=arguments.lora_rank,
        alpha_ratio=alpha / arguments.lora_rank,
        dropout=arguments.lora_dropout,
        targets=_target_group(arguments.lora_target)[0],
        rank_stabilised=arguments.use_rslora,
        learning_rate=arguments.learning_rate,
        warmup_share=warmup if 0 < warmup < 1 else arguments.warmup_ratio,
        warmup_steps=int(warmup) if warmup >= 1 else 0,
        decay=_DECAYS.get(arguments.lr_scheduler_type, "cosine"),
        weight_decay=arguments.weight_decay,
        beta2=arguments.adam_beta2,
        clip_norm=arguments.max_grad_norm or 1.0,
    )


def _target_group(names: Sequence[str]) -> tuple[TargetGroup, bool]:
    """Give the group of layers that a list of names is, or the smallest one around it; and whether it is just that."""
    wanted = frozenset(name.rpartition(".")[2] for name in names)
    if wanted in _TARGETS:
        return _TARGETS[wanted], True
    if wanted and wanted <= _ATTENTION:
        return "attention", False
    return ("mlp", False) if wanted and wanted <= _MLP else ("all", False)


class _Notes:
    """Comments on values that differ from what the training file says, and on keys that play no part."""

    def __init__(self, arguments: LlamaFactoryArguments, values: Mapping[str, Any]) -> None:
        self._arguments, self._values = arguments, values
        self._lost: dict[str, str] = {}
        self.notes: dict[str, str] = {}
        self._adapter()
        self._optimizer()
        self._data()

    def lines(self) -> Iterator[str]:
        """Give a line for each key that is not carried over."""
        used = LlamaFactoryArguments.model_fields
        for key, value in self._values.items():
            if key in self._lost or key not in used:
                yield f"{key}: {shown_value(key, value)} - {self._lost.get(key) or reason_of(key, used=used)}"

    def _adapter(self) -> None:
        arguments = self._arguments
        group, is_same = _target_group(arguments.lora_target)
        if not is_same:
            self._lost["lora_target"] = f"paretune adapts groups of layers; trial 0 has the smallest around it, {group}"
        for key in ("freeze_vision_tower", "freeze_multi_modal_projector"):
            if not getattr(arguments, key):
                self._lost[key] = "paretune never trains the vision tower or its projector"
        if arguments.fp16:
            self._lost["fp16"] = "paretune has no float16; model.dtype is bfloat16"

    def _optimizer(self) -> None:
        arguments = self._arguments
        if arguments.lr_scheduler_type not in _DECAYS:
            self._lost["lr_scheduler_type"] = "paretune has constant, linear and cosine; trial 0 has cosine"
        if not arguments.max_grad_norm:
            self._lost["max_grad_norm"] = "gradients are always clipped; clip_norm is 1"
        if arguments.max_steps > 0 and "num_train_epochs" in self._values:
            self._lost["num_train_epochs"] = "max_steps overrules it"

    def _data(self) -> None:
        arguments = self._arguments
        if arguments.image_resolution and "image_max_pixels" in self._values:
            self._lost["image_max_pixels"] = "image_resolution overrules it"
        if arguments.val_size and (arguments.val_size >= 0.6 or arguments.eval_dataset):
            self._lost["val_size"] = (
                "eval_dataset scores the trials" if arguments.eval_dataset else "search_share is a share of the images"
            )
        shares, names = arguments.interleave_probs, arguments.dataset
        if shares and (len(shares) != len(names) or len(names) == 1 or arguments.mix_strategy == "concat"):
            self._lost["interleave_probs"] = "it shares rows out among several data sets that are interleaved"
        if arguments.mix_strategy in _INTERLEAVED and "interleave_probs" not in self._lost and shares:
            self.notes["data.sources"] = "the shares are those of interleave_probs"
