"""A sweep's record in a notebook: tables as DataFrames, and the front as a picture where a cell ends."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path

import pandas as pd

from results.errors import ResultsError
from results.find import find, read_rows
from results.reader import SweepTables, read_items, read_predictions, read_sweep
from results.report.front_figure import front_figure
from results.report.headline import ended_counts
from results.report.page import standalone
from results.summary import Summary, summarise
from results.sweep_file import SWEEP_FILE
from results.words import score_text

_MOST_ROWS = 50


@dataclass(frozen=True)
class Sweep:
    """A sweep's folder as it was read; the last line of a notebook's cell shows it.

    It may still be running: what it holds stays as it was when it was first looked at, and ``refreshed`` reads anew.

    Attributes:
        folder: Of the sweep.

    """

    folder: Path

    @cached_property
    def _tables(self) -> SweepTables:
        return read_sweep(self.folder)

    @cached_property
    def _summary(self) -> Summary:
        return summarise(self._tables)

    @property
    def trials(self) -> pd.DataFrame:
        """One row per trial that has ended, see ``docs/results-format.md``."""
        return self._tables.trials

    @property
    def reports(self) -> pd.DataFrame:
        """One row per evaluation, all attempts."""
        return self._tables.reports

    @property
    def decisions(self) -> pd.DataFrame:
        """One row per decided report, all attempts."""
        return self._tables.decisions

    @property
    def front(self) -> pd.DataFrame:
        """The completed trials that none other dominates, best in the first objective first, and the baseline.

        Columns: ``on_front``, ``role``, the objectives by name, and the searched settings that differ between trials;
        indexed by trial.
        """
        summary = self._summary
        names = [objective.name for objective in summary.objectives]
        rows = [
            {
                "trial": one.trial,
                "on_front": one.on_front,
                "role": one.role,
                **dict(zip(names, one.values, strict=True)),
                **dict(zip(summary.param_names, one.params, strict=True)),
            }
            for one in (*summary.front, *([summary.baseline] if _is_beside(summary) else []))
            if one is not None
        ]
        columns = ["trial", "on_front", "role", *names, *summary.param_names]
        return pd.DataFrame(rows, columns=columns).set_index("trial")

    @property
    def hypervolume(self) -> float | None:
        """Of the front, against the baseline's reference point; ``None`` before the baseline has completed."""
        return self._summary.hypervolumes[-1] if self._summary.hypervolumes else None

    def predictions(self, *trials: int, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Give what trials, and their confirmation runs, answered to single examples, and the scores of each answer.

        Args:
            *trials: Numbers of completed trials; all if none is given.
            columns: Only these; all if absent. Texts of many trials take much memory.

        Returns:
            One row per answer, see ``read_predictions``.

        Raises:
            ResultsError: If a part is damaged, or there is no such column.

        """
        return read_predictions(self.folder, trials or None, columns=columns)

    @property
    def items(self) -> pd.DataFrame:
        """One row per example that models are scored on."""
        return read_items(self.folder)

    @property
    def confirmations(self) -> pd.DataFrame:
        """One row per finished confirmation run."""
        return self._tables.confirmations

    def refreshed(self) -> Sweep:
        """Give the sweep as its record is now."""
        return Sweep(self.folder)

    def __repr__(self) -> str:
        """Say in one line what the sweep is."""
        summary = self._summary
        running = f", {summary.running} running" if summary.running else ""
        return f"Sweep({str(self.folder)!r}): {ended_counts(summary)}{running}, {len(summary.front)} on the front"

    def _repr_html_(self) -> str:
        """Draw the front and list it, for Jupyter; neither script nor network is needed."""
        summary = self._summary
        return (
            f"<div><p><b>{escape(self.folder.resolve().name)}</b>: {escape(ended_counts(summary))}, "
            f"{summary.running} running{self._hypervolume_words()}</p>{self._figure()}{self._table()}</div>"
        )

    def _figure(self) -> str:
        """Give the report's figure of the front as an image, whose style the rest of the notebook never sees."""
        items, predictions = read_rows(self.folder, self._summary, self._tables)
        figure = front_figure(self._summary, find(self._summary, self._tables, items, predictions))
        if not figure:
            return ""
        data = base64.b64encode(standalone(figure).encode()).decode()
        return f'<img alt="The front" style="max-width: 40rem; width: 100%" src="data:image/svg+xml;base64,{data}">'

    def _hypervolume_words(self) -> str:
        return "" if self.hypervolume is None else f"; hypervolume {self.hypervolume:.4g}"

    def _table(self) -> str:
        front = self.front.head(_MOST_ROWS)
        if front.empty:
            return "<p>No trial has reached its last step.</p>"
        by_name = {objective.name: objective for objective in self._summary.objectives}
        head = "".join(f"<th>{escape(name)}</th>" for name in ("trial", *front.columns))
        body: list[str] = []
        for number, row in front.iterrows():
            cells = [str(number)]
            for name, value in zip(map(str, front.columns), row, strict=True):
                cells.append(score_text(value, by_name[name]) if name in by_name else _text(value))
            body.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def open_sweep(folder: str | Path) -> Sweep:
    """Open a sweep's folder, also while the sweep runs.

    Raises:
        ResultsError: If it holds no sweep.

    """
    if not (Path(folder) / SWEEP_FILE).is_file():
        raise ResultsError(f"{folder} is no sweep: it has no {SWEEP_FILE}; give the folder of a sweep")
    return Sweep(Path(folder))


def _is_beside(summary: Summary) -> bool:
    return summary.baseline is not None and not summary.baseline.on_front


def _text(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
