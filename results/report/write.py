"""Writes reports: HTML, Markdown, the front as CSV, and the figures as SVG and PNG."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path

import pandas as pd
import resvg_py

from results.find import find, read_rows
from results.findings import FrontStops, Importance
from results.reader import SweepTables, read_predictions, read_sweep
from results.report.answers import shown_items
from results.report.card import Card, Figure
from results.report.cards import sweep_cards
from results.report.content import SweepContent
from results.report.headline import lede
from results.report.page import Page, as_html, as_markdown, standalone
from results.report.page_data import page_data
from results.report.settings import role_of
from results.summary import Summary, summarise
from results.sweep_file import write_whole
from results.words import duration_text

_PNG_ZOOM = 2.0
_HIDDEN_METADATA = ("spec",)
_MOST_ANSWERING = 80
_STATES = (("COMPLETE", "completed"), ("PRUNED", "pruned"), ("FAIL", "failed"))

Explain = Callable[[SweepTables], tuple[Importance | str, FrontStops | str]]
"""What only the search can compute of a record, or why it cannot be had."""

_NOT_GIVEN = "it was not computed"


@dataclass(frozen=True)
class ReportFiles:
    """What was written.

    Attributes:
        html: The page.
        markdown: The same in Markdown.
        front: The front and the baseline as CSV.
        figures: SVG and PNG files.
        cards: What the page says, as data.

    """

    html: Path
    markdown: Path
    front: Path
    figures: tuple[Path, ...]
    cards: tuple[Card, ...]


def write_report(folder: Path, *, out: Path | None = None, explain: Explain | None = None) -> ReportFiles:
    """Write a sweep's report.

    Args:
        folder: The sweep's folder; the sweep may still run.
        out: The HTML file; ``report/report.html`` in the folder if absent. The other files bear its name.
        explain: Computes what needs the search; the report says that it is missing if absent.

    Raises:
        ResultsError: If the folder holds no readable sweep.

    """
    content = read_content(folder, explain=explain)
    cards = sweep_cards(content)
    page = Page(
        kind="Report of a sweep",
        name=content.name,
        lede=lede(
            content.summary,
            content.recommended,
            again=content.confirmed(content.recommended),
            baseline_again=content.confirmed(content.summary.baseline),
        ),
        facts=sweep_facts(content),
        cards=cards,
        notes=tuple(content.why_unknown(*content.findings.unknown)),
        provenance=((content.name, provenance(content.summary)),),
        has_trials=bool(content.summary.trials),
    )
    path = out or folder / "report" / "report.html"
    return write_files(page, (content,), path)


def recommended_trial(folder: Path) -> int | None:
    """Give the number of the trial that a sweep's report recommends, or ``None`` if no trial has completed.

    Raises:
        ResultsError: If the folder holds no readable sweep.

    """
    chosen = read_content(folder).recommended
    return None if chosen is None else chosen.trial


def read_content(folder: Path, *, explain: Explain | None = None) -> SweepContent:
    """Read a sweep and compute what its report says.

    Raises:
        ResultsError: If the folder holds no readable sweep.

    """
    tables = read_sweep(folder)
    summary = summarise(tables)
    importance, front_stops = explain(tables) if explain else (_NOT_GIVEN, _NOT_GIVEN)
    items, predictions = read_rows(folder, summary, tables)
    findings = find(summary, tables, items, predictions, importance=importance, front_stops=front_stops)
    bare = SweepContent(
        folder=folder,
        name=folder.resolve().name,
        tables=tables,
        summary=summary,
        findings=findings,
        items=items,
        predictions=pd.DataFrame(),
    )
    return replace(bare, predictions=_shown_predictions(bare))


def _shown_predictions(content: SweepContent) -> pd.DataFrame:
    """Read the answers to the examples that the page shows, of the trials that a reader wants to see first."""
    shown = shown_items(content.items)
    if shown.empty:
        return pd.DataFrame()
    known = content.tables.columns.row_scores
    scores = [objective.name for objective in content.summary.objectives if objective.name in known]
    columns = ["trial", "run", "attempt", "step", "item", "prediction", "boxes_1000"]
    columns += [f"{part}.{name}" for name in scores for part in ("score", "weight")]
    trials = content.of_interest[:_MOST_ANSWERING]
    rows = read_predictions(content.folder, trials, split="search", columns=columns)
    return rows.loc[rows["item"].isin(shown["item"])]


def sweep_facts(content: SweepContent) -> tuple[tuple[str, str], ...]:
    """Give what a reader wants to know of a sweep at a glance."""
    summary = content.summary
    states = [(len(summary.in_state(state)), word) for state, word in _STATES]
    ended = ", ".join(f"{number:,} {word}" for number, word in states if number)
    facts = [("Trials", f"{len(summary.trials):,}" + (f" ({ended})" if ended else ""))]
    if summary.running:
        facts.append(("Running", f"{summary.running:,}"))
    if summary.trials:
        facts.append(("Workers' time", duration_text(sum(trial.seconds for trial in summary.trials))))
        facts.append(("Last trial ended", content.tables.trials["ended"].max().strftime("%Y-%m-%d %H:%M UTC")))
    if model := content.spec.get("model", {}).get("path"):
        facts.append(("Model", str(model)))
    facts.append(("Objectives", ", ".join(objective.name for objective in summary.objectives)))
    return tuple(facts)


def provenance(summary: Summary) -> tuple[tuple[str, str], ...]:
    """Give where a sweep's numbers come from: versions, commit, data and machine."""
    return tuple((key, value) for key, value in summary.metadata.items() if key not in _HIDDEN_METADATA)


def write_files(page: Page, contents: Sequence[SweepContent], path: Path) -> ReportFiles:
    """Write a page and all that belongs to it; ``report.html`` has ``report.md``, ``front.csv`` and ``figures/``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_usual = path.name == "report.html"
    front = path.with_name("front.csv" if is_usual else f"{path.stem}-front.csv")
    folder = path.with_name("figures" if is_usual else f"{path.stem}-figures")
    _write_text(path, as_html(page, lambda room: page_data(contents, room=room)))
    _write_text(path.with_suffix(".md"), as_markdown(page, figures=folder.name))
    _write_text(front, front_csv(contents))
    figures = [figure for card in page.cards for figure in card.figures]
    return ReportFiles(path, path.with_suffix(".md"), front, _write_figures(folder, figures), page.cards)


def front_csv(contents: Sequence[SweepContent]) -> str:
    """Give the fronts and baselines as CSV, with all scores, settings and what is known of their certainty."""
    several = len(contents) > 1
    scores = list(dict.fromkeys(name for content in contents for name in content.summary.score_names))
    params = list(dict.fromkeys(name for content in contents for name in content.summary.param_names))
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    head = ["trial", "role", "on_front", "probability_nondominated", "steps", "seconds"]
    writer.writerow([*(["sweep"] if several else []), *head, *scores, *(f"param.{name}" for name in params)])
    for content in contents:
        summary, membership = content.summary, content.findings.membership
        shown = [*summary.front]
        if summary.baseline and summary.baseline not in shown:
            shown.append(summary.baseline)
        for trial in shown:
            member = membership.of(trial.trial) if membership else None
            own = dict(zip(summary.score_names, trial.scores, strict=True))
            drawn = dict(zip(summary.param_names, trial.params, strict=True))
            first = [trial.trial, role_of(summary, trial), int(trial.on_front), member.probability if member else None]
            cells = [*first, trial.steps, trial.seconds, *map(own.get, scores), *map(drawn.get, params)]
            writer.writerow([*([content.name] if several else []), *("" if cell is None else cell for cell in cells)])
    return target.getvalue()


def _write_text(path: Path, text: str) -> None:
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _write_figures(folder: Path, figures: Sequence[Figure]) -> tuple[Path, ...]:
    """Write the figures as SVG and PNG, and remove those of an earlier report that are no longer drawn."""
    folder.mkdir(exist_ok=True)
    written: list[Path] = []
    with as_file(files("results") / "assets" / "fonts" / "DejaVuSans.ttf") as font:
        for figure in figures:
            svg = standalone(figure.svg)
            png = resvg_py.svg_to_bytes(
                svg_string=svg,
                zoom=_PNG_ZOOM,
                skip_system_fonts=True,
                font_files=[str(font)],
                font_family="DejaVu Sans",
                sans_serif_family="DejaVu Sans",
            )
            target = folder / f"{figure.name}.svg"
            _write_text(target, svg)
            image = folder / f"{figure.name}.png"
            write_whole(image, lambda temporary, png=png: temporary.write_bytes(png))
            written += [target, image]
    for leftover in {*folder.glob("*.svg"), *folder.glob("*.png")} - set(written):
        leftover.unlink()
    return tuple(written)
