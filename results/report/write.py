"""A sweep's report: one HTML file that needs no network, and the same in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from results.charts import front_figure, hypervolume_figure, pruning_figure
from results.curves import TrialCurves, curves_json, loss_curves
from results.headline import count, front_notes, headline, hypervolume_notes, pruning_notes, score_text
from results.reader import SweepTables, read_sweep
from results.summary import EndedTrial, Summary, summarise
from results.sweep_file import write_whole

_TEMPLATES = Path(__file__).parent / "templates"
_ASSETS = Path(__file__).parent / "assets"
_MOST_ROWS = 1000
_LONGEST_CELL = 60
_SPEC_KEYS = ("spec",)


@dataclass(frozen=True)
class Cell:
    """One cell of a table; numbers stand on the right."""

    text: str
    is_number: bool = False


@dataclass(frozen=True)
class TableRow:
    """One trial in the report's table; ``kind`` is ``front``, ``baseline``, ``front baseline`` or nothing."""

    kind: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Section:
    """One question of the report: its figure and the sentences beside it."""

    title: str
    figure: str
    notes: tuple[str, ...]


def write_report(folder: Path, *, out: Path | None = None) -> Path:
    """Write a sweep's report as HTML and, beside it, as Markdown.

    Args:
        folder: The sweep's folder; the sweep may still run.
        out: The HTML file; ``report/report.html`` in the folder if absent.

    Returns:
        The HTML file's path.

    Raises:
        ResultsError: If the folder holds no readable sweep.

    """
    tables = read_sweep(folder)
    summary = summarise(tables)
    curves = loss_curves(tables, _by_interest(summary, tables))
    path = out or folder / "report" / "report.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "name": folder.resolve().name,
        "headline": headline(summary),
        "sections": _sections(summary),
        "choices": _choices(summary, curves),
        "unshown": _unshown(curves, reporting=len(set(tables.reports["trial"]))),
        "curves": curves_json(curves),
        "echarts": (_ASSETS / "echarts" / "echarts.common.min.js").read_text(encoding="utf-8"),
        "curves_script": (_TEMPLATES / "curves.js").read_text(encoding="utf-8"),
        "columns": _columns(summary),
        "rows": _rows(summary),
        "hidden": max(len(summary.trials) - _MOST_ROWS, 0),
        "failures": [(trial.trial, trial.reason) for trial in summary.in_state("FAIL")][:_MOST_ROWS],
        "counts": f"{count(len(summary.trials), 'trial')} ended, {summary.running} running",
        "lineage": [(key, value) for key, value in summary.metadata.items() if key not in _SPEC_KEYS],
    }
    for name, target in (("report.html", path), ("report.md", path.with_suffix(".md"))):
        environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=name.endswith(".html"),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=None if name.endswith(".html") else _in_markdown,
        )
        page = environment.get_template(f"{name}.jinja").render(content)
        write_whole(target, lambda temporary, page=page: temporary.write_text(page, encoding="utf-8"))
    return path


def pareto_table(folder: Path) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Give the front and the baseline as plain cells, best in the first objective first.

    Returns:
        Column names, and one row for each trial; no row if none completed. The last column holds all searched
        settings that differ between trials.

    Raises:
        ResultsError: If the folder holds no readable sweep.

    """
    summary = summarise(read_sweep(folder))
    shown = list(summary.front)
    if summary.baseline and not summary.baseline.on_front:
        shown.append(summary.baseline)
    rows = [
        (
            str(trial.trial),
            _role(summary, trial),
            *(cell.text for cell in _score_cells(summary, trial)),
            " ".join(
                f"{name}={_param_text(value)}"
                for name, value in zip(summary.param_names, trial.params, strict=True)
                if value is not None
            ),
        )
        for trial in shown
    ]
    return ("trial", "role", *summary.score_names, "settings"), tuple(rows)


def _in_markdown(value: object) -> str:
    """Write a value so that Markdown takes none of it for HTML, nor for the end of its line."""
    return " ".join(escape(str(value), quote=False).splitlines())


def _sections(summary: Summary) -> list[Section]:
    return [
        Section("Which settings trade one for the other?", front_figure(summary), front_notes(summary)),
        Section("Did the search get anywhere?", hypervolume_figure(summary), hypervolume_notes(summary)),
        Section("What was stopped, and when?", pruning_figure(summary), pruning_notes(summary)),
    ]


def _by_interest(summary: Summary, tables: SweepTables) -> list[int]:
    """Give the trials: the front, the baseline, then the others by number."""
    first = [trial.trial for trial in summary.front]
    if summary.baseline:
        first.append(summary.baseline.trial)
    return [*first, *sorted(int(number) for number in tables.reports["trial"].unique())]


def _choices(summary: Summary, curves: Sequence[TrialCurves]) -> list[tuple[int, str]]:
    ended = {trial.trial: trial for trial in summary.trials}
    choices: list[tuple[int, str]] = []
    for one in curves:
        trial = ended.get(one.trial)
        words = (_role(summary, trial) or trial.state.lower()) if trial else "running"
        choices.append((one.trial, f"{one.trial} ({words})"))
    return choices


def _unshown(curves: Sequence[TrialCurves], *, reporting: int) -> str:
    missing = reporting - len(curves)
    return f"{count(missing, 'trial')} more left out; reports/ has them all." if missing else ""


def _columns(summary: Summary) -> tuple[str, ...]:
    return ("trial", "role", "state", "steps", "seconds", *summary.score_names, *summary.param_names, "reason")


def _rows(summary: Summary) -> list[TableRow]:
    """Give the table: the front first, then the other completed trials, then the rest, in order of number."""
    front = {trial.trial: place for place, trial in enumerate(summary.front)}
    order = {"COMPLETE": 1, "PRUNED": 2, "FAIL": 3}

    def key(trial: EndedTrial) -> tuple[int, int]:
        return (0, front[trial.trial]) if trial.trial in front else (order[trial.state], trial.trial)

    return [
        TableRow(
            kind=" ".join(
                word for word, holds in (("front", trial.on_front), ("baseline", trial is summary.baseline)) if holds
            ),
            cells=(
                Cell(str(trial.trial), is_number=True),
                Cell(_role(summary, trial)),
                Cell(trial.state),
                Cell(f"{trial.steps:,}", is_number=True),
                Cell(f"{trial.seconds:,.1f}", is_number=True),
                *_score_cells(summary, trial),
                *(Cell(_param_text(value), is_number=not isinstance(value, str)) for value in trial.params),
                Cell(trial.reason),
            ),
        )
        for trial in sorted(summary.trials, key=key)[:_MOST_ROWS]
    ]


def _role(summary: Summary, trial: EndedTrial) -> str:
    words = [word for word, holds in (("front", trial.on_front), (trial.role, trial.role != "search")) if holds]
    return ", ".join([*words, *(["knee"] if trial is summary.knee else [])])


def _score_cells(summary: Summary, trial: EndedTrial) -> Sequence[Cell]:
    by_name = {objective.name: objective for objective in summary.objectives}
    return [
        Cell(score_text(score, by_name.get(name)), is_number=True)
        for name, score in zip(summary.score_names, trial.scores, strict=True)
    ]


def _param_text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"
