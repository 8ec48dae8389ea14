"""``paretune report``: what a sweep found, and how several sweeps compare."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.commands.folders import on_folder, out_words, write_sweep_report
from search.commands.output import add_json, show
from search.errors import FolderError
from search.exit_codes import EPILOG, OK

if TYPE_CHECKING:
    from results import ReportFiles


def add(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser(
        "report",
        help="write a sweep's report again, or compare several sweeps",
        description="Write one HTML page that needs no network, and beside it the same in Markdown, the front as CSV"
        " and the figures as SVG and PNG. Several folders with the same objectives are compared.",
        epilog=EPILOG,
    )
    command.add_argument("folders", type=Path, nargs="+", metavar="DIR", help="the sweep's folder; several to compare")
    command.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the HTML file (default: report/report.html in the folder, report/comparison.html in the first of"
        " several); the other files lie beside it and bear its name",
    )
    add_json(command)
    command.set_defaults(run=on_folder(_report))


def _report(options: argparse.Namespace) -> int:
    out: Path | None = options.out
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise FolderError(f"--out must name an HTML file, such as report.html; got {out}")
    if out is not None:
        from search.writable import check_file

        check_file(out)
    folders: Sequence[Path] = options.folders
    files = write_sweep_report(folders[0], out=out) if len(folders) == 1 else _write_comparison(folders, out)
    if not options.json and len(folders) == 1:
        from search.front_table import print_front

        print_front(folders[0])
    answers = [f"{card.verdict:>7}  {card.question} {card.answer}" for card in files.cards]
    show(options, [*answers, f"report: {files.html}"], _result(files))
    return OK


def _write_comparison(folders: Sequence[Path], out: Path | None) -> ReportFiles:
    from results import write_comparison
    from search.explain import explain
    from search.storage_fault import StorageGuard

    after, place = [*folders[1:], *out_words(out)], None if out is None else out.parent
    with StorageGuard(folders[0], again="report", after=after, place=place):
        return write_comparison(folders, out=out, explain=explain)


def _result(files: ReportFiles) -> dict[str, Any]:
    return {
        "report": str(files.html),
        "markdown": str(files.markdown),
        "front_csv": str(files.front),
        "figures": [str(figure) for figure in files.figures],
        "cards": [
            {
                "key": card.key,
                "question": card.question,
                "verdict": card.verdict,
                "answer": card.answer,
                "notes": list(card.notes),
                "command": card.command,
            }
            for card in files.cards
        ],
    }
