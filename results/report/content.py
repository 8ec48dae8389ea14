"""What a report of one sweep is made of, read and computed once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from results.findings import ConfirmedTrial, Finding, Findings, Preference
from results.reader import SweepTables
from results.summary import EndedTrial, Summary

_NAMES: Mapping[Finding, str] = {
    "membership": "How probably each trial is non-dominated",
    "hypervolume": "The interval of the hypervolume",
    "attainment": "What is attained how surely",
    "knee": "How often the knee is the same trial",
    "preferences": "What preferences choose",
    "importance": "Which settings mattered",
    "strategies": "Whether adaptive weightings beat static ones",
    "slices": "For which rows a trial is better",
    "box_scores": "How trustworthy the box scores are",
    "pruning": "What pruning cost",
    "crossing": "How well a rung foretells the end",
    "front_stops": "What successive halving would have stopped",
    "shrinkage": "How much of the scores a confirmation keeps",
}


@dataclass(frozen=True)
class SweepContent:
    """One sweep in a report.

    Attributes:
        folder: The sweep's folder, as it was given.
        name: What the page calls it.
        tables: The record.
        summary: What it comes to.
        findings: What the statistics say.
        items: Rows of the splits; empty in a record without them.
        predictions: What trials said to rows with a thumbnail; empty in a record without them.

    """

    folder: Path
    name: str
    tables: SweepTables
    summary: Summary
    findings: Findings
    items: pd.DataFrame
    predictions: pd.DataFrame

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The sweep file as it was read; empty if the record has none."""
        try:
            spec = json.loads(self.summary.metadata.get("spec", ""))
        except ValueError:
            return {}
        return spec if isinstance(spec, dict) else {}

    def why_unknown(self, *findings: Finding) -> list[str]:
        """Say of findings that are absent why they are, a sentence each."""
        unknown = self.findings.unknown
        return [f"{_NAMES[one]} cannot be told: {unknown[one]}." for one in findings if one in unknown]

    @cached_property
    def by_number(self) -> dict[int, EndedTrial]:
        """The ended trials by number."""
        return {trial.trial: trial for trial in self.summary.trials}

    @cached_property
    def recommended(self) -> EndedTrial | None:
        """The trial that the report recommends, or ``None`` if none completed.

        What the search's scores choose, unless it was trained again and did not stay on the confirmed front: then that
        front's most probable member.
        """
        return self.overruling or self.searched_choice

    @cached_property
    def searched_choice(self) -> EndedTrial | None:
        """The choice by the search's scores, or ``None`` if no trial completed.

        The knee of the front; without one, the trial that dominates the most by itself; without that, the best in the
        first objective.
        Never a trial whose scores are just the baseline's: then it is the baseline.
        """
        chosen, baseline = self._chosen, self.summary.baseline
        return baseline if chosen and baseline and chosen.point == baseline.point else chosen

    @cached_property
    def overruling(self) -> EndedTrial | None:
        """The confirmed trial that takes the place of the search's choice, if one does."""
        again = self.confirmed(self.searched_choice)
        if again is None or again.on_confirm_front or self.findings.shrinkage is None:
            return None
        front = [one.trial for one in self.findings.shrinkage.trials if one.on_confirm_front]
        return self.by_number[front[0]] if front else None

    def confirmed(self, trial: EndedTrial | None) -> ConfirmedTrial | None:
        """Give what came of a trial when it was trained again, if it was."""
        shrinkage = self.findings.shrinkage
        if shrinkage is None or trial is None:
            return None
        return next((one for one in shrinkage.trials if one.trial == trial.trial), None)

    @property
    def _chosen(self) -> EndedTrial | None:
        summary = self.summary
        if summary.knee:
            return summary.knee
        if (most := self.most_area) and most.trial is not None:
            return self.by_number[most.trial]
        return summary.front[0] if summary.front else None

    @property
    def most_area(self) -> Preference | None:
        """The preference for the trial that dominates the most by itself, if there is a reference point."""
        return next((one for one in self.findings.preferences if one.kind == "hypervolume"), None)

    @cached_property
    def of_interest(self) -> tuple[int, ...]:
        """All trials with a report, those first that must not be left out: recommended, baseline, preferred, front."""
        summary = self.summary
        first = [self.recommended, summary.baseline]
        numbers = [trial.trial for trial in first if trial]
        numbers += [one.trial for one in self.findings.preferences if one.trial is not None]
        numbers += [trial.trial for trial in summary.front]
        if self.findings.membership:
            numbers += [member.trial for member in self.findings.membership.members if member.probability > 0]
        numbers += [trial.trial for trial in summary.completed]
        numbers += sorted(int(number) for number in self.tables.reports["trial"].unique())
        return tuple(dict.fromkeys(numbers))
