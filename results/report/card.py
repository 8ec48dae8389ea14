"""A card of the report: a question, one sentence that answers it, a figure, and a verdict with its thresholds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["good", "watch", "problem"]


@dataclass(frozen=True)
class Figure:
    """A figure of a card, also written to ``figures/`` as SVG and PNG.

    Attributes:
        name: The name of its files.
        svg: The whole ``svg`` element.
        key: What its marks mean: class of the mark, shape, words. Shapes are ``dot``, ``ring``, ``diamond``,
            ``square``, ``triangle``, ``bar``, ``line``,
            ``dash`` (upright), ``dashes`` (level) and ``curve``.

    """

    name: str
    svg: str
    key: tuple[tuple[str, str, str], ...] = ()

    @property
    def drawn_key(self) -> tuple[tuple[str, str, str], ...]:
        """The entries of the key whose marks are in the figure."""
        classes = {name for group in re.findall(r'class="([^"]+)"', self.svg) for name in group.split()}
        return tuple(entry for entry in self.key if entry[0] in classes)


@dataclass(frozen=True)
class Cell:
    """One cell of a table; numbers stand on the right, and a trial's number can be chosen.

    Attributes:
        text: What it says.
        is_number: Whether it stands on the right.
        trial: Number of the trial that the cell names, if it names one.
        sweep: Place of that trial's sweep among those of the report.

    """

    text: str
    is_number: bool = False
    trial: int | None = None
    sweep: int = 0


@dataclass(frozen=True)
class Table:
    """A small table of a card.

    Attributes:
        caption: What it shows.
        columns: Names of the columns, with whether they hold numbers.
        rows: As many cells each as there are columns.

    """

    caption: str
    columns: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Card:
    """One question of the report.

    Attributes:
        key: Its place in the page, as in ``report.html#choice``.
        question: The title.
        short: The title in one or two words, for the overview.
        verdict: What the thresholds make of it.
        answer: One sentence.
        rule: When the verdict is good, watch or problem.
        notes: What else must be known, a sentence each.
        figure: Its figure; ``None`` where there is nothing to draw.
        more_figures: Others, below it.
        tables: Its tables.
        command: What to type next; empty if nothing.
        is_wide: Whether it takes the page's whole width.

    """

    key: str
    question: str
    short: str
    verdict: Verdict
    answer: str
    rule: str
    notes: tuple[str, ...] = ()
    figure: Figure | None = None
    more_figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    command: str = ""
    is_wide: bool = False

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All of its figures."""
        return (self.figure, *self.more_figures) if self.figure else self.more_figures


def number_cell(text: str) -> Cell:
    """Give a cell that stands on the right."""
    return Cell(text, is_number=True)


def trial_cell(trial: int, *, sweep: int = 0) -> Cell:
    """Give a cell with a trial's number that can be chosen."""
    return Cell(str(trial), is_number=True, trial=trial, sweep=sweep)
