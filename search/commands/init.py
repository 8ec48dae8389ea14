"""``paretune init``: a first sweep file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.commands.output import add_json, say, show
from search.exit_codes import EPILOG, OK

if TYPE_CHECKING:
    from search.init import Written


def add(commands: Any) -> None:
    """Add the command."""
    init = commands.add_parser(
        "init", help="write a first sweep file, from a LLaMA-Factory training file or from data", epilog=EPILOG
    )
    init.add_argument(
        "path", type=Path, metavar="PATH", help="a training file of LLaMA-Factory, or a file or folder of data"
    )
    init.add_argument(
        "--out", type=Path, default=Path("sweep.yaml"), metavar="FILE", help="the sweep file (default: sweep.yaml)"
    )
    init.add_argument(
        "--model", metavar="BASE", help="for data: the base, which is tiny, a folder, or a name on the hub"
    )
    init.add_argument("--images", type=Path, metavar="DIR", help="for data: folder of the images")
    init.add_argument(
        "--dataset", metavar="NAMES", help="for a folder with dataset_info.json: names of data sets, with commas"
    )
    init.add_argument(
        "--objectives", nargs=2, metavar="SCORE", help="the two scores (default: grounding.miou text.token_f1)"
    )
    add_json(init)
    init.set_defaults(run=_init)


def _init(options: argparse.Namespace) -> int:
    from search.errors import SpecError
    from search.init import InitRequest, init_sweep, this_machine

    _check_objectives(options.objectives)
    names = tuple(name.strip() for name in options.dataset.split(",")) if options.dataset else ()
    request = InitRequest(
        path=options.path,
        out=options.out,
        model=options.model,
        images=options.images,
        names=names,
        objectives=None if options.objectives is None else tuple(options.objectives),
    )
    try:
        written = init_sweep(request, this_machine())
    except SpecError as error:
        say(f"{len(error.faults)} fault{'' if len(error.faults) == 1 else 's'} in {error.file}")
        raise
    show(
        options,
        _lines(written),
        {
            "out": written.out,
            "rows": written.counts,
            "refused": written.refused,
            "objectives": [objective.metric for objective in written.spec.objectives],
            "steps": written.spec.trial.steps,
            "trials": written.spec.search.trials,
            "searched": list(written.spec.space.dimensions),
            "not_carried_over": written.not_carried,
        },
    )
    return OK


def _check_objectives(names: list[str] | None) -> None:
    from pydantic import TypeAdapter, ValidationError

    from search.errors import CheckError
    from search.spec import ObjectiveConfig

    for name in names or ():
        try:
            TypeAdapter(ObjectiveConfig).validate_python({"metric": name})
        except ValidationError as error:
            raise CheckError(f"--objectives: {error.errors()[0]['msg']}") from error
    if names and names[0] == names[1]:
        raise CheckError(f"--objectives: both are {names[0]}; expected two different scores")


def _lines(written: Written) -> list[str]:
    from search.check import words_of

    spec = written.spec
    rows = "; ".join(f"{split} {words_of(counts)}" for split, counts in written.counts.items())
    lines = [
        f"{written.out}: {spec.search.trials} trials of {spec.trial.steps} steps, "
        f"{' against '.join(objective.metric for objective in spec.objectives)}",
        f"rows: {rows}" + (f"; {written.refused} refused" if written.refused else ""),
        f"searched: {', '.join(spec.space.dimensions)}",
    ]
    if written.not_carried:
        lines += ["not carried over:", *(f"  {line}" for line in written.not_carried)]
    return [*lines, f"next: paretune check {written.out}, then paretune sweep {written.out}"]
