"""The card that asks: what did it cost."""

from __future__ import annotations

from results.report.card import Card, Cell, Figure, Table, Verdict, number_cell
from results.report.content import SweepContent
from results.report.plot import Axis, Rows
from results.words import count, duration_text

WATCH_LOST, MOST_LOST = 0.05, 0.20
RULE = (
    f"Good: failed trials took at most {WATCH_LOST:.0%} of the workers' time. Watch: up to {MOST_LOST:.0%}. Problem:"
    " more, or no trial completed."
)
_STATES = (("COMPLETE", "complete", "completed"), ("PRUNED", "pruned", "pruned"), ("FAIL", "failed", "failed"))


def card(content: SweepContent) -> Card:
    """Say where the workers' time went."""
    figure = _figure(content)
    return Card(
        key="cost",
        question="What did it cost?",
        short="Cost",
        verdict=_verdict(content),
        answer=_answer(content),
        rule=RULE,
        notes=_notes(content),
        figure=Figure("cost", figure) if figure else None,
        tables=(_table(content),) if content.summary.trials else (),
    )


def worker_seconds(content: SweepContent, state: str) -> float:
    """Add up the workers' time of the trials that ended in one state."""
    return sum(trial.seconds for trial in content.summary.in_state(state))


def _lost_share(content: SweepContent) -> float:
    whole = sum(trial.seconds for trial in content.summary.trials)
    return worker_seconds(content, "FAIL") / whole if whole else 0.0


def _verdict(content: SweepContent) -> Verdict:
    if not content.summary.completed or _lost_share(content) > MOST_LOST:
        return "problem"
    return "watch" if _lost_share(content) > WATCH_LOST else "good"


def _answer(content: SweepContent) -> str:
    summary, pruning = content.summary, content.findings.pruning
    if not summary.trials:
        return "Nothing that is recorded yet: no trial has ended."
    whole = sum(trial.seconds for trial in summary.trials)
    saved = f"; pruning saved about {duration_text(3600 * pruning.hours_saved)}" if pruning.hours_saved > 0 else ""
    return (
        f"{duration_text(whole)} of workers' time for {count(len(summary.trials), 'trial')}"
        f" ({summary.steps_run:,} optimizer steps){saved}."
    )


def _notes(content: SweepContent) -> tuple[str, ...]:
    notes: list[str] = []
    trials, pruning = content.tables.trials, content.findings.pruning
    if len(trials):
        wall = (trials["ended"].max() - trials["started"].min()).total_seconds()
        notes.append(f"From the first start to the last end it took {duration_text(wall)}, pauses included.")
    if pruning.gpu_hours_saved:
        notes.append(f"Pruning saved about {pruning.gpu_hours_saved:.1f} GPU hours.")
    if lost := _lost_share(content):
        notes.append(f"Failed trials took {lost:.1%} of the workers' time.")
    if content.recommended:
        notes.append(f"Trial {content.recommended.trial} itself took {duration_text(content.recommended.seconds)}.")
    return tuple(notes)


def _figure(content: SweepContent) -> str:
    spent = [(kind, words, worker_seconds(content, state)) for state, kind, words in _STATES]
    spent = [one for one in spent if one[2] > 0]
    if not spent:
        return ""
    saved = 3600 * content.findings.pruning.hours_saved
    rows = [*spent, *([("saved", "saved", saved)] if saved > 0 else [])]
    most = max(seconds for _, _, seconds in rows)
    unit, words = (3600, "hours") if most >= 2 * 3600 else (60, "minutes") if most >= 120 else (1, "seconds")
    plot = Rows([name for _, name, _ in rows], Axis(f"workers' time ({words})", 0, 1.05 * most / unit), room_right=90)
    marks: list[str] = []
    for row, (kind, name, seconds) in enumerate(rows):
        marks.append(plot.bar(row, 0, seconds / unit, kind=f"bar {kind}", title=f"{name}: {duration_text(seconds)}"))
        marks.append(plot.words(row, seconds / unit, duration_text(seconds)))
    words = "; ".join(f"{name} {duration_text(seconds)}" for _, name, seconds in rows)
    return plot.figure(marks, title="Workers' time by how the trials ended", description=words)


def _table(content: SweepContent) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for state, _, words in _STATES:
        trials = content.summary.in_state(state)
        if trials:
            seconds = worker_seconds(content, state)
            rows.append(
                (
                    Cell(words),
                    number_cell(f"{len(trials):,}"),
                    number_cell(f"{sum(trial.steps for trial in trials):,}"),
                    number_cell(duration_text(seconds)),
                    number_cell(duration_text(seconds / len(trials))),
                )
            )
    columns = (("ended", False), ("trials", True), ("steps", True), ("time", True), ("time per trial", True))
    return Table("Trials, steps and workers' time", columns, tuple(rows))
