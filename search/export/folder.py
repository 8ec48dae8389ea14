"""Writes everything of an exported trial into one folder, which appears whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from results import SweepTables, read_sweep, recommended_trial
from search.errors import CheckError, FolderError, RequestError
from search.export.card import CARD_FILE, Licence, card_text
from search.export.chosen import ChosenTrial, chosen_trial
from search.export.confirmed import confirmed_scores
from search.export.intervals import intervals_of
from search.export.llamafactory import (
    MERGE_FILE,
    llamafactory_merge_yaml,
    llamafactory_train_yaml,
    not_expressed,
)
from search.export.llamafactory import TRAIN_FILE as LLAMAFACTORY_FILE
from search.export.retrain import TRAIN_FILE, train_yaml
from search.export.weights import adapter_tensors
from search.spec import SweepSpec
from search.sweep_spec import SPEC_KEY
from search.writable import check_beside
from trainable.errors import ModelError
from trainable.model.load import Processor, base_folder, load_processor
from trainable.model.peft_folder import write_peft_folder


@dataclass(frozen=True)
class ExportRequest:
    """What a user asks for.

    Attributes:
        folder: Of the sweep.
        out: Where the files go; it does not exist, or is empty.
        word: The trial: a number, ``knee``, ``baseline``; ``None`` is the knee.
        longer: Factor of the steps of ``train.yaml``.
        base: What is written down as the base; what the sweep loaded if absent.
        licence: Of the adapter.
        with_adapter: Whether the weights are exported.

    """

    folder: Path
    out: Path
    word: str | None = None
    longer: float = 4.0
    base: str | None = None
    licence: Licence = field(default_factory=Licence)
    with_adapter: bool = True


@dataclass(frozen=True)
class Export:
    """What was exported.

    Attributes:
        trial: With its scores.
        out: The folder.
        files: Their names, sorted.
        not_expressed: Settings that LLaMA-Factory has no key for.

    """

    trial: ChosenTrial
    out: Path
    files: tuple[str, ...]
    not_expressed: tuple[str, ...]


def export_trial(request: ExportRequest) -> Export:
    """Export a trial.

    Raises:
        ResultsError: If the folder holds no sweep.
        FolderError: If ``out`` is not empty or can't be written.
        RequestError: If there is no such trial, or no checkpoint of it.
        CheckError: If the base's configuration can't be loaded, or does not fit the checkpoint.

    """
    _check_free(request.out)
    tables = read_sweep(request.folder)
    spec = SweepSpec.model_validate_json(tables.metadata[SPEC_KEY])
    trial = chosen_trial(tables, spec, request.word or _recommended(request.folder))
    if request.word is None:
        trial = replace(trial, place=f"The report recommends it. {trial.place}")
    try:
        processor = load_processor(spec.model)
        with _appearing(request.out) as part:
            if request.with_adapter:
                tensors = adapter_tensors(request.folder, spec, tables, trial)
                write_peft_folder(
                    part,
                    tensors,
                    model=spec.model,
                    adapter=trial.settings.adapter,
                    base_name=request.base,
                )
            for name, text in _texts(request, spec, tables, trial, processor).items():
                (part / name).write_text(text, encoding="utf-8")
    except ModelError as error:
        raise CheckError(str(error)) from error
    files = tuple(sorted(path.name for path in request.out.iterdir()))
    return Export(trial, request.out, files, not_expressed(trial.settings, spec))


def _recommended(folder: Path) -> str:
    number = recommended_trial(folder)
    if number is None:
        raise RequestError("there is nothing to recommend yet: no trial has completed with both objectives")
    return str(number)


def _texts(
    request: ExportRequest,
    spec: SweepSpec,
    tables: SweepTables,
    trial: ChosenTrial,
    processor: Processor,
) -> Mapping[str, str]:
    out, base = request.out.resolve(), request.base or base_folder(spec.model)
    return {
        TRAIN_FILE: train_yaml(spec, trial, longer=request.longer),
        LLAMAFACTORY_FILE: llamafactory_train_yaml(spec, trial, processor, base=base, out=out),
        MERGE_FILE: llamafactory_merge_yaml(spec, processor, base=base, out=out),
        CARD_FILE: card_text(
            spec,
            trial,
            processor,
            name=out.name,
            base=base,
            licence=request.licence,
            metadata=tables.metadata,
            intervals=intervals_of(request.folder, tables, trial.number, baseline=trial.baseline_number),
            confirmed=confirmed_scores(tables.confirmations, trial.number),
            has_adapter=request.with_adapter,
        ),
    }


def _check_free(out: Path) -> None:
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        what = "holds files" if out.is_dir() else "is a file"
        raise FolderError(f"{out} {what}; give --out a folder that is new or empty")
    check_beside(out)


@contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """Give a folder that takes the name of ``out`` once it is complete; nothing is left of one that is not."""
    out = Path(os.path.abspath(out))  # noqa: PTH100 - the folder may be ".", which has no name
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.parent / f".{out.name}.part"
    shutil.rmtree(part, ignore_errors=True)  # of an export that was killed
    part.mkdir()
    try:
        yield part
        os.replace(part, out)  # noqa: PTH105 - the name says that an empty folder is replaced
    finally:
        shutil.rmtree(part, ignore_errors=True)
