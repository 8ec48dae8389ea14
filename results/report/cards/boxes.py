"""The card that asks: are the boxes worth their score."""

from __future__ import annotations

from results.findings import BoxScores
from results.report.card import Card, Cell, Figure, Table, Verdict, number_cell, trial_cell
from results.report.content import SweepContent
from results.report.plot import Axis, Rows, circle, diamond
from results.words import count, score_text

MOST_PARSE_FAILURES = 0.10
MOST_DUPLICATES = 0.10
RULE = (
    f"Good: the recommended trial beats one constant box, at most {MOST_PARSE_FAILURES:.0%} of its answers hold no box"
    f" and at most {MOST_DUPLICATES:.0%} of its boxes repeat another. Watch: one of the shares is higher, or something"
    " else makes a score doubtful, or a control was not reported. Problem: no trial beats the constant box."
)
BOX_KEY = (
    ("front", "dot", "the trial"),
    ("baseline", "diamond", "plain cross entropy"),
    ("constant", "dash", "one constant box on the same rows"),
)
_MOST_TRIALS = 10


def card(content: SweepContent) -> Card | None:
    """Put what makes a box score doubtful beside it; ``None`` in a sweep that optimises no box score."""
    names = box_objectives(content)
    if not names:
        return None
    figure = _figure(content, names[0])
    summary = content.summary
    notes = [
        f"No completed trial reported {name}, so the grounding scores stand without it."
        for name in summary.missing_controls
    ]
    warnings = [f"Trial {one.trial}: {words}." for one in content.findings.box_scores for words in one.warnings]
    notes += warnings[:_MOST_TRIALS]
    return Card(
        key="boxes",
        question="Are the boxes worth their score?",
        short="Box scores",
        verdict=_verdict(content, names),
        answer=_answer(content, names),
        rule=RULE,
        notes=(*notes, "An answer without a box counts as a box that misses everything."),
        figure=Figure("boxes", figure, BOX_KEY) if figure else None,
        tables=_tables(content),
    )


def box_objectives(content: SweepContent) -> tuple[str, ...]:
    """Give the objectives that score boxes."""
    return tuple(o.name for o in content.summary.objectives if o.name.startswith("grounding."))


def _best(content: SweepContent, name: str) -> float | None:
    place = [objective.name for objective in content.summary.objectives].index(name)
    return max((trial.point[place] for trial in content.summary.completed if trial.point), default=None)


def _of_chosen(content: SweepContent) -> BoxScores | None:
    chosen = content.recommended
    return next((one for one in content.findings.box_scores if chosen and one.trial == chosen.trial), None)


def _verdict(content: SweepContent, names: tuple[str, ...]) -> Verdict:
    if not content.summary.completed or not any(_beats_constant(content, name) for name in names):
        return "problem"
    own = _of_chosen(content)
    doubts = content.summary.missing_controls or own is None or own.warnings
    failures, duplicates = (own.parse_failure_rate or 0, own.duplicate_rate or 0) if own else (0, 0)
    return "watch" if doubts or failures > MOST_PARSE_FAILURES or duplicates > MOST_DUPLICATES else "good"


def _beats_constant(content: SweepContent, name: str) -> bool:
    best, constant = _best(content, name), content.summary.constant_box.get(name)
    return best is not None and (constant is None or best > constant)


def _answer(content: SweepContent, names: tuple[str, ...]) -> str:
    summary, own, chosen = content.summary, _of_chosen(content), content.recommended
    if chosen is None:
        return "There is no box score: no trial completed."
    name = names[0]
    place = [objective.name for objective in summary.objectives].index(name)
    constant = summary.constant_box.get(name)
    score = score_text(chosen.values[place], summary.objectives[place])
    beside = "" if constant is None else f" against {score_text(constant)} for one constant box"
    answer = f"Trial {chosen.trial} gets {score} in {name}{beside}"
    rates = [
        f"{rate:.1%} of its {words}"
        for rate, words in (
            (own.parse_failure_rate if own else None, "answers hold no box"),
            (own.duplicate_rate if own else None, "boxes repeat another"),
        )
        if rate is not None
    ]
    return f"{answer}; {' and '.join(rates)}." if rates else f"{answer}."


def _figure(content: SweepContent, name: str) -> str:
    summary = content.summary
    constant = summary.constant_box.get(name)
    if not summary.completed or constant is None:
        return ""
    place = [objective.name for objective in summary.objectives].index(name)
    shown = sorted(summary.front, key=lambda trial: -(trial.point or (0.0,) * 2)[place])[: _MOST_TRIALS - 1]
    if summary.baseline and summary.baseline not in shown:
        shown.append(summary.baseline)
    points = [trial.point[place] for trial in shown if trial.point]
    high = max(1.06 * max(*points, constant), 0.01)
    plot = Rows([f"trial {trial.trial}" for trial in shown], Axis(name, 0, high), room_right=70)
    marks = [plot.upright(constant, kind="constant", title=f"constant box {constant:.3f}")]
    for row, (trial, score) in enumerate(zip(shown, points, strict=True)):
        title = f"trial {trial.trial}: {name} {score:.3f}, constant box {constant:.3f}"
        marks.append(plot.bar(row, constant, score, kind="span", title=title))
        mark = diamond if trial is summary.baseline else circle
        kind = "baseline" if trial is summary.baseline else "front"
        marks.append(mark(plot.at_x(score), plot.at_row(row), kind=kind, title=title, radius=7))
        marks.append(plot.words(row, max(score, constant), f"{score:.3f}", gap=13))
    words = "; ".join(f"trial {trial.trial} {score:.3f}" for trial, score in zip(shown, points, strict=True))
    return plot.figure(marks, title=f"{name} beside the constant box", description=f"{words}; constant {constant:.3f}")


def _tables(content: SweepContent) -> tuple[Table, ...]:
    shown = content.findings.box_scores[:_MOST_TRIALS]
    if not shown:
        return ()
    names = list(dict.fromkeys(name for one in shown for name in one.scores))
    columns = [("trial", True)]
    for name in names:
        columns += [(name.removeprefix("grounding."), True), ("constant", True)]
    columns += [("no box", True), ("duplicates", True)]
    rows: list[tuple[Cell, ...]] = []
    for one in shown:
        cells = [trial_cell(one.trial)]
        for name in names:
            cells += [number_cell(score_text(one.scores.get(name))), number_cell(score_text(one.controls.get(name)))]
        cells += [number_cell(_share(one.parse_failure_rate)), number_cell(_share(one.duplicate_rate))]
        rows.append(tuple(cells))
    hidden = len(content.findings.box_scores) - len(shown)
    caption = "Box scores, each beside what one constant box gets on the same rows"
    return (Table(caption + (f" ({count(hidden, 'trial')} left out)" if hidden else ""), tuple(columns), tuple(rows)),)


def _share(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.1%}"
