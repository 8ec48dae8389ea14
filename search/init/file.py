"""Writes a first sweep file, which passes ``paretune check`` as it is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from search.check import CheckedData, RefusedError, check_fit, read_data, words_of
from search.errors import CheckError, FolderError, SpecError
from search.init.data_path import start_of_path
from search.init.llamafactory_file import is_llamafactory, read_llamafactory_file
from search.init.machine import Machine
from search.init.start import Start
from search.init.sweep_text import GROUNDING, TEXT, Rows, sweep_text
from search.spec import SweepSpec
from search.spec_file import load_spec, read_tree
from search.writable import check_file
from search.yaml_tree import Tree
from trainable.data.records import Record
from trainable.data.render import render

_USUAL_SHARE = 0.2
_YAML = (".yaml", ".yml")
_FITTING = {"grounding": "grounding.miou grounding.acc50_95", "text": "text.token_f1 text.exact_match"}
"""Two scores of data of one task."""


@dataclass(frozen=True)
class InitRequest:
    """What a user gives.

    Attributes:
        path: A training file of LLaMA-Factory, or a data set: a file or a folder.
        out: The sweep file to write; it does not exist.
        model: The base, for a data set.
        images: Folder of the images, for a data set.
        names: Of data sets in a LLaMA-Factory registry.
        objectives: Two scores; grounding against text if absent.

    """

    path: Path
    out: Path
    model: str | None = None
    images: Path | None = None
    names: tuple[str, ...] = ()
    objectives: tuple[str, str] | None = None


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        out: The file.
        spec: What it says.
        counts: Rows by split and task.
        refused: Number of rows that are not used.
        not_carried: A line for each key of a training file that plays no part.

    """

    out: Path
    spec: SweepSpec
    counts: Mapping[str, Mapping[str, int]]
    refused: int
    not_carried: tuple[str, ...]


def init_sweep(request: InitRequest, machine: Machine) -> Written:
    """Write the sweep file.

    Raises:
        FolderError: If the file exists or can't be written.
        SpecError: If the training file is faulty, or asks for what paretune does not train.
        CheckError: If the data or the base can't be used, or the data lack boxes or texts.

    """
    if os.path.lexists(request.out):
        raise FolderError(f"{request.out} exists; give --out another name, or remove it")
    check_file(request.out)
    start = _start(request, machine)
    share = start.search_share or _USUAL_SHARE
    probe = SweepSpec.model_validate(
        {
            "model": start.model,
            "data": {"sources": start.sources, "search_share": share, "max_length": start.max_length},
            "objectives": request.objectives or (GROUNDING, TEXT),
        }
    )
    try:
        data = read_data(probe)
    except RefusedError as error:
        if not any(row.missing for row in error.refused):
            raise
        first, *more = str(error).splitlines()
        raise CheckError("\n".join([f"{first}; {start.images_fix}", *more])) from error
    if request.objectives is None:
        _check_tasks(data, request.path, images_fix=start.images_fix)
    out = Path(os.path.abspath(request.out))  # noqa: PTH100 keep links as they are
    objectives = [objective.metric for objective in probe.objectives]
    text = sweep_text(start, _rows(data), machine, objectives, out=out, search_share=share)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        spec = load_spec(part)
        check_fit(spec, data)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return Written(request.out, spec, data.counts, len(data.refused), start.not_carried)


def _start(request: InitRequest, machine: Machine) -> Start:
    path = request.path
    if not path.exists():
        raise CheckError(f"{path} does not exist; give a training file of LLaMA-Factory, or a file or folder of data")
    tree = _settings(path)
    if tree is not None and is_llamafactory(tree.value):
        if given := [name for name in ("model", "images") if getattr(request, name) is not None]:
            raise CheckError(f"--{given[0]} is for data; {path} is a training file, which says so itself")
        return read_llamafactory_file(path, tree)
    if tree is not None and path.suffix in _YAML and isinstance(tree.value, dict):
        if {"data", "objectives"} <= set(tree.value):
            raise CheckError(f"{path} is a sweep file already; look at it by: paretune check {path}")
        if not {"names", "train", "nc"} & set(tree.value):
            keys = ", ".join(map(str, list(tree.value)[:5])) or "nothing"
            raise CheckError(
                f"{path} is no training file of LLaMA-Factory: it holds {keys}; expected model_name_or_path and dataset"
            )
        path = path.parent  # of YOLO
    if request.model is None:
        raise CheckError(
            f"{path} is data, which do not say what to train; give --model: tiny, a folder, or a name on the hub such "
            "as Qwen/Qwen2-VL-2B-Instruct"
        )
    return start_of_path(
        path, model=request.model, images=request.images, names=request.names, has_gpu=machine.gpus > 0
    )


_MOST_SETTINGS_BYTES = 200_000


def _settings(path: Path) -> Tree | None:
    """Read what may be a training file; ``None`` for what is surely data."""
    if not path.is_file() or path.suffix.lower() not in (*_YAML, ".json"):
        return None
    if path.suffix.lower() == ".json" and path.stat().st_size > _MOST_SETTINGS_BYTES:
        return None
    tree = read_tree(path)
    if tree.faults and path.suffix.lower() in _YAML:
        raise SpecError(
            str(path), [f"{place.text}: {fault.message}. {fault.fix}".strip() for place, fault in tree.faults]
        )
    return None if tree.faults else tree


def _check_tasks(data: CheckedData, path: Path, *, images_fix: str) -> None:
    """See that there is something to trade: boxes and texts in what trains and in what scores."""
    for task, what in (("grounding", "boxes"), ("text", "texts without a box")):
        if all(data.counts[split].get(task) for split in ("train", "search")):
            continue
        other = "text" if task == "grounding" else "grounding"
        found = ", ".join(f"{split} {words_of(data.counts[split])}" for split in ("train", "search"))
        if missing := {row.missing for row in data.refused if row.missing}:
            raise CheckError(
                f"{path}: no answer with {what} is left ({found} rows), since {len(data.refused)} rows are refused and "
                f"{len(missing)} images do not exist; {images_fix}"
            )
        raise CheckError(
            f"{path}: the data hold no answer with {what}, so nothing trades grounding against text ({found} rows). "
            f"Add a data set with {what}; or trade two scores of one kind, by --objectives {_FITTING[other]}"
        )


def _rows(data: CheckedData) -> Rows:
    split, counts = data.prepared.split, data.counts
    said = "; ".join(f"{name}: {words_of(counts[name])} rows" for name in ("train", "search", "confirm", "test"))
    return Rows(
        train=len(split.train),
        search=len(split.search),
        has_boxes=all(counts[name].get("grounding") for name in ("train", "search")),
        has_text=all(counts[name].get("text") for name in ("train", "search")),
        longest_answer=_longest_answer(data, split.search),
        refused=len(data.refused),
        counts=said,
    )


_MEASURED = 500


def _longest_answer(data: CheckedData, rows: Sequence[Record]) -> int | None:
    """Tokenise the rows that are scored, at most 500."""
    if data.processor is None:
        return None
    rendered = [render(record, data.processor) for record in rows[:_MEASURED]]
    return max(len(row.ids) - row.prompt_length for row in rendered)
