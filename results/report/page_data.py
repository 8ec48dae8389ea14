"""The data of the page: trials as columns, curves, examples and answers, within the page's budget."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from numbers import Integral, Real
from typing import Any

from results.report.answers import Answers, answers
from results.report.content import SweepContent
from results.report.curves import TrialCurves, trial_curves
from results.report.settings import role_of
from results.summary import EndedTrial
from results.words import count

PAGE_BYTES = 3_000_000
"""The most that a page may weigh."""

_TABLE_SHARE, _CURVE_SHARE, _IMAGE_SHARE, _TEXT_SHARE = 0.50, 0.20, 0.20, 0.10
_BYTES_PER_NUMBER = 6
_LONGEST_REASON = 200


@dataclass(frozen=True)
class PageData:
    """What the page's scripts read.

    Attributes:
        content: JSON-ready.
        notes: What was left out for want of room, a sentence each.

    """

    content: Mapping[str, Any]
    notes: tuple[str, ...]

    def as_json(self) -> str:
        """Write it so that it can stand inside a ``script`` element."""
        return script_json(self.content)


def script_json(value: object) -> str:
    """Write JSON that no sequence inside can end the ``script`` element that holds it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def page_data(contents: Sequence[SweepContent], *, room: int) -> PageData:
    """Give the data of one sweep, or of several that are compared.

    Args:
        contents: The sweeps; all have the same objectives.
        room: Bytes that the data may take in the page.

    """
    trials = [(place, trial) for place, content in enumerate(contents) for trial in _ordered(content)]
    table, notes = _table(contents, trials, room=int(room * _TABLE_SHARE))
    rows = {(place, trial.trial): row for row, (place, trial) in enumerate(trials[: table["count"]])}
    share = 1 / len(contents)
    curves: dict[str, Any] = {}
    shown: list[Answers] = []
    for place, content in enumerate(contents):
        numbers = int(share * room * _CURVE_SHARE / _BYTES_PER_NUMBER)
        order = [number for number in content.of_interest if (place, number) in rows]
        found = trial_curves(content.tables, order, most_numbers=numbers)
        curves |= {str(rows[place, one.trial]): _curve_json(one) for one in found}
        notes += _curve_notes(content, found, reporting=len(order), several=len(contents) > 1)
        examples = answers(
            content.items,
            content.predictions,
            order,
            scores=[objective.name for objective in content.summary.objectives],
            image_bytes=int(share * room * _IMAGE_SHARE),
            text_bytes=int(share * room * _TEXT_SHARE),
        )
        shown.append(examples)
        notes += examples.notes
    return PageData(
        content={
            "objectives": [asdict(objective) for objective in contents[0].summary.objectives],
            "sweeps": [_sweep_json(place, content, rows) for place, content in enumerate(contents)],
            "trials": table,
            "parameters": _ranked(contents),
            "curves": curves,
            "answers": [_answers_json(place, one, rows) for place, one in enumerate(shown)],
        },
        notes=tuple(dict.fromkeys(notes)),
    )


def _ranked(contents: Sequence[SweepContent]) -> list[str]:
    """Give the searched settings, the most important ones first where that is known."""
    known = [content.findings.importance for content in contents]
    first = [parameter.name for importance in known if importance for parameter in importance.parameters]
    return list(dict.fromkeys([*first, *(name for content in contents for name in content.summary.param_names)]))


def _ordered(content: SweepContent) -> list[EndedTrial]:
    """Give the ended trials: the front first, then the baseline, the completed ones, and the rest by number."""
    summary = content.summary
    first = [*summary.front, *([summary.baseline] if summary.baseline else [])]
    order = {trial.trial: place for place, trial in reversed(list(enumerate(first)))}
    states = {"COMPLETE": 0, "PRUNED": 1, "FAIL": 2}
    return sorted(
        summary.trials, key=lambda trial: (order.get(trial.trial, len(order)), states[trial.state], trial.trial)
    )


def _table(
    contents: Sequence[SweepContent], trials: Sequence[tuple[int, EndedTrial]], *, room: int
) -> tuple[dict[str, Any], list[str]]:
    """Write the trials as columns; where they take too much room, leave out reasons, then the last trials."""
    notes: list[str] = []
    table = _columns(contents, trials)
    size = len(script_json(table))
    if size > room and table["reason"]["levels"]:
        table["reason"] = _coded(["" for _ in trials])
        notes.append("The reasons in the table of trials are left out; trials/ has them.")
        size = len(script_json(table))
    if size > room:
        kept = max(int(len(trials) * room / size), 1)
        table = _columns(contents, trials[:kept], reasons=False)
        notes.append(
            f"The page holds {kept:,} of {count(len(trials), 'ended trial')}: the fronts, the baselines, then completed"
            " trials by number; trials/ has them all."
        )
    return table, notes


def _columns(
    contents: Sequence[SweepContent], trials: Sequence[tuple[int, EndedTrial]], *, reasons: bool = True
) -> dict[str, Any]:
    members = [content.findings.membership for content in contents]
    probabilities = [{one.trial: one.probability for one in found.members} if found else {} for found in members]
    far_off = [{trial.trial for trial in content.summary.far_off} for content in contents]
    return {
        "count": len(trials),
        "sweep": [place for place, _ in trials],
        "trial": [trial.trial for _, trial in trials],
        "state": _coded([trial.state for _, trial in trials]),
        "role": _coded([role_of(contents[place].summary, trial) for place, trial in trials]),
        "steps": [trial.steps for _, trial in trials],
        "seconds": [_rounded(trial.seconds) for _, trial in trials],
        "front": [row for row, (_, trial) in enumerate(trials) if trial.on_front],
        "far_off": [row for row, (place, trial) in enumerate(trials) if trial.trial in far_off[place]],
        "probability": {
            str(row): round(probabilities[place][trial.trial], 3)
            for row, (place, trial) in enumerate(trials)
            if trial.trial in probabilities[place]
        },
        "scores": _named(contents, trials, "score_names", "scores"),
        "params": _named(contents, trials, "param_names", "params"),
        "reason": _coded([" ".join(trial.reason.split())[:_LONGEST_REASON] if reasons else "" for _, trial in trials]),
    }


def _named(
    contents: Sequence[SweepContent], trials: Sequence[tuple[int, EndedTrial]], names: str, cells: str
) -> dict[str, Any]:
    """Give the cells of the scores or parameters by name; a sweep without the name has nulls."""
    own = [getattr(content.summary, names) for content in contents]
    found: dict[str, Any] = {}
    for name in dict.fromkeys(name for group in own for name in group):
        places = [group.index(name) if name in group else None for group in own]
        values = [None if (at := places[place]) is None else getattr(trial, cells)[at] for place, trial in trials]
        found[name] = _column(values)
    return found


def _column(values: Sequence[Any]) -> Any:
    known = [value for value in values if value is not None]
    if all(isinstance(value, Real) and not isinstance(value, bool) for value in known):
        return [_rounded(value) for value in values]
    return _coded([None if value is None else str(value) for value in values])


def _coded(texts: Sequence[str | None]) -> dict[str, Any]:
    """Write texts as numbers of levels, the most frequent level first; ``null`` stays."""
    levels = [text for text, _ in Counter(text for text in texts if text is not None).most_common()]
    place = {text: number for number, text in enumerate(levels)}
    return {"levels": levels, "codes": [None if text is None else place[text] for text in texts]}


def _rounded(value: Any) -> Any:
    """Round a number to four digits, which is what a page shows; an integer stays."""
    if value is None:
        return None
    if isinstance(value, Integral):
        return int(value)
    number = float(f"{float(value):.4g}")
    if number != number or number in (float("inf"), float("-inf")):
        return None
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def _curve_json(one: TrialCurves) -> dict[str, Any]:
    return {key: value for key, value in asdict(one).items() if key != "trial"}


def _curve_notes(content: SweepContent, found: Sequence[TrialCurves], *, reporting: int, several: bool) -> list[str]:
    of_sweep = f" of {content.name}" if several else ""
    notes: list[str] = []
    if reporting > len(found):
        notes.append(
            f"The page holds the curves of {count(len(found), 'trial')}{of_sweep}, the front and what is near it first;"
            f" {reporting - len(found):,} more in reports/."
        )
    thinned = [one for one in found if one.reports > len(one.steps)]
    if thinned:
        most = max(thinned, key=lambda one: one.reports)
        notes.append(
            f"Curves{of_sweep} show {len(most.steps)} of up to {most.reports:,} reports, evenly spaced, the first and"
            " the last among them."
        )
    return notes


def _sweep_json(place: int, content: SweepContent, rows: Mapping[tuple[int, int], int]) -> dict[str, Any]:
    summary, findings = content.summary, content.findings

    def row_of(trial: EndedTrial | None) -> int | None:
        return None if trial is None else rows.get((place, trial.trial))

    surfaces = findings.attainment.surfaces if findings.attainment else ()
    confirmed = [
        {"row": rows[place, one.trial], "point": [score.confirm for score in one.objectives]}
        for one in (findings.shrinkage.trials if findings.shrinkage else ())
        if (place, one.trial) in rows
    ]
    return {
        "name": content.name,
        "front": [rows[place, trial.trial] for trial in summary.front if (place, trial.trial) in rows],
        "baseline": row_of(summary.baseline),
        "recommended": row_of(content.recommended),
        "undecided": [rows[place, n] for n in (findings.membership.undecided if findings.membership else ())],
        "constant_box": dict(summary.constant_box),
        "attainment": [{"level": one.level, "points": [list(point) for point in one.points]} for one in surfaces],
        "confirmed": confirmed,
    }


def _answers_json(place: int, shown: Answers, rows: Mapping[tuple[int, int], int]) -> dict[str, Any]:
    return {
        "items": shown.items,
        "images": shown.images,
        "by_row": {str(rows[place, trial]): given for trial, given in shown.by_trial.items() if (place, trial) in rows},
    }
