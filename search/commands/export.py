"""``paretune export``: a trial's adapter, its card, and files that train it again."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.commands.folders import add_folder
from search.commands.output import add_json, show
from search.errors import RequestError
from search.exit_codes import EPILOG, OK

if TYPE_CHECKING:
    from search.export import Export

_LICENCE_ID = re.compile(r"[a-z0-9][a-z0-9.-]*")


def add(commands: Any) -> None:
    """Add the command."""
    export = commands.add_parser("export", help="write a trial's adapter, model card and training files", epilog=EPILOG)
    add_folder(export, _export)
    export.add_argument(
        "--trial", metavar="N", help="the trial's number, knee or baseline (default: what the report recommends)"
    )
    export.add_argument("--out", type=Path, required=True, metavar="OUT", help="folder to write, new or empty")
    export.add_argument(
        "--longer",
        type=_factor,
        default=4.0,
        metavar="X",
        help="train.yaml trains so many times the sweep's steps (default: 4)",
    )
    export.add_argument(
        "--base", metavar="NAME", help="write down another name of the base, such as Qwen/Qwen2-VL-2B-Instruct"
    )
    export.add_argument(
        "--license", metavar="ID", help="the adapter's licence as the Hugging Face hub lists it, such as apache-2.0"
    )
    export.add_argument("--license-name", metavar="NAME", help="name of the licence, with --license other")
    export.add_argument("--license-link", metavar="URL", help="its text, with --license other")
    export.add_argument(
        "--without-adapter", action="store_true", help="write all but the weights, which needs no checkpoint"
    )
    add_json(export)


def _factor(text: str) -> float:
    factor = float(text)
    if not 0 < factor <= 1000:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and at most 1000; got {text}")
    return factor


def _export(options: argparse.Namespace) -> int:
    from search.export import ExportRequest, Licence, export_trial

    _check_licence(options)
    licence = Licence(options.license or Licence().id, options.license_name, options.license_link)
    request = ExportRequest(
        folder=options.folder,
        out=options.out,
        word=options.trial,
        longer=options.longer,
        base=options.base,
        licence=licence,
        with_adapter=not options.without_adapter,
    )
    done = export_trial(request)
    result = {
        "trial": done.trial.number,
        "state": done.trial.state,
        "steps": done.trial.steps,
        "place": done.trial.place,
        "out": done.out,
        "files": done.files,
        "scores": done.trial.scores,
        "baseline": done.trial.baseline,
        "not_expressed_by_llamafactory": done.not_expressed,
    }
    show(options, _lines(done), result)
    return OK


def _check_licence(options: argparse.Namespace) -> None:
    if options.license is not None and not _LICENCE_ID.fullmatch(options.license):
        raise RequestError(
            f"--license {options.license}: expected an id of the hub's list, such as apache-2.0 or other"
        )
    if options.license != "other" and (options.license_name or options.license_link):
        raise RequestError("--license-name and --license-link are for --license other")


def _lines(done: Export) -> Iterator[str]:
    from spaces.metrics import METRICS, shown_scores

    trial = done.trial
    names = [name for name in METRICS if name in trial.scores]
    objectives = [name for name in ("grounding.miou", "text.token_f1") if name in names] or names[:2]
    yield f"trial {trial.number}, {trial.state} at step {trial.steps}. {trial.place}"
    yield f"  {shown_scores(objectives, trial.scores)}"
    if trial.baseline:
        yield f"  plain cross entropy: {shown_scores(objectives, trial.baseline)}"
    for text in done.not_expressed:
        yield f"  not in LLaMA-Factory's file: {text}"
    yield from (f"{done.out / name}" for name in done.files)
