"""The card that asks: which one should I take."""

from __future__ import annotations

from collections.abc import Sequence

from results.findings import Preference
from results.report.card import Card, Cell, Table, Verdict, number_cell, trial_cell
from results.report.content import SweepContent
from results.report.headline import confirmed_text, scores_text
from results.report.settings import role_of, setting_texts
from results.summary import EndedTrial
from results.words import count, score_text

STEADY = 0.5
"""Share of replicates that must choose the same trial."""

RULE = (
    f"Good: the same preference chooses the same trial in at least {STEADY:.0%} of the replicates. Watch: in fewer, or"
    " there are no replicates to ask, or the search's choice was trained again and did not stay on the confirmed front;"
    " then several trials are as good a choice. Problem: no trial completed, or the choice is the baseline itself."
)
_MOST_ROWS = 12
_RATE, _OTHER_RATE = "optimizer.learning_rate", 1.5


def card(content: SweepContent) -> Card:
    """Recommend a trial and say how to take it."""
    chosen = content.recommended
    return Card(
        key="choice",
        question="Which one should I take?",
        short="Choice",
        verdict=_verdict(content),
        answer=_answer(content),
        rule=RULE,
        notes=_notes(content),
        tables=tuple(table for table in (_preferences(content), front_table(content)) if table.rows),
        command=f"paretune export {content.folder} --trial {chosen.trial} --out exported" if chosen else "",
        is_wide=True,
    )


def chosen_share(content: SweepContent) -> float | None:
    """Give the share of replicates that choose the recommended trial by the same rule, if that is known."""
    chosen, findings = content.recommended, content.findings
    if chosen is None or content.overruling:
        return None
    if chosen is content.summary.knee:
        known = findings.knee is not None and findings.knee.trial == chosen.trial
        return findings.knee.share if known and findings.knee else None
    most = content.most_area
    return most.share if most and most.trial == chosen.trial else None


def _verdict(content: SweepContent) -> Verdict:
    if content.recommended is None or content.recommended is content.summary.baseline:
        return "problem"
    share = chosen_share(content)
    return "good" if share is not None and share >= STEADY else "watch"


def _answer(content: SweepContent) -> str:
    summary, chosen = content.summary, content.recommended
    if chosen is None:
        return "There is nothing to take yet: no trial completed."
    scores = scores_text(summary, chosen)
    if content.overruling and content.searched_choice:
        take = "Keep plain cross entropy" if chosen is summary.baseline else "Take"
        again = confirmed_text(summary, content.confirmed(chosen)) or scores
        return (
            f"{take}{',' if chosen is summary.baseline else ''} trial {chosen.trial}: trained again, it stays on the"
            f" front, which trial {content.searched_choice.trial}, the search's choice, does not: {again}."
        )
    if chosen is summary.baseline:
        return f"Keep plain cross entropy, trial {chosen.trial} ({scores}): nothing on the front improves on it."
    if len(summary.front) == 1:
        return f"Take trial {chosen.trial}, the whole front by itself: {scores}."
    if chosen is summary.knee:
        return f"Take trial {chosen.trial}, the knee of the front, unless one objective matters more to you: {scores}."
    if (most := content.most_area) and most.trial == chosen.trial:
        return f"Take trial {chosen.trial}, which dominates the most by itself: {scores}."
    return f"Take trial {chosen.trial}, the front's best in {summary.objectives[0].name}: {scores}."


def _notes(content: SweepContent) -> tuple[str, ...]:
    notes: list[str] = []
    share, knee = chosen_share(content), content.findings.knee
    if share is not None and content.recommended:
        notes.append(f"The same rule chooses trial {content.recommended.trial} in {share:.0%} of the replicates.")
    if knee and content.recommended is content.summary.knee:
        others = [f"trial {trial} in {rate:.0%}" for trial, rate in knee.shares if trial != knee.trial][:3]
        if others:
            notes.append(f"Otherwise the knee is {', '.join(others)}.")
    if rate := _rate_note(content):
        notes.append(rate)
    hidden = len(content.summary.front) - _MOST_ROWS
    if hidden > 0:
        notes.append(f"{count(hidden, 'trial')} more of the front: in the table of all trials, and in front.csv.")
    return tuple(notes)


def _rate_note(content: SweepContent) -> str:
    """Warn of a gain that may be the learning rate's; empty where the two rates are alike or not known."""
    summary, chosen, baseline = content.summary, content.recommended, content.summary.baseline
    if chosen is None or baseline is None or chosen is baseline or _RATE not in summary.param_names:
        return ""
    place = summary.param_names.index(_RATE)
    own, base = chosen.params[place], baseline.params[place]
    if not isinstance(own, int | float) or not isinstance(base, int | float) or own <= 0 or base <= 0:
        return ""
    ratio = own / base
    if 1 / _OTHER_RATE < ratio < _OTHER_RATE:
        return ""
    return (
        f"Trial {chosen.trial}'s learning rate is {ratio:.2g} times the baseline's, so part of the difference may be"
        " the learning rate's and not that of losses or curriculum."
    )


def _preferences(content: SweepContent) -> Table:
    rows = [_preference_row(preference) for preference in content.findings.preferences]
    columns = (("If you say", False), ("take trial", True), ("same choice", True), ("else", False))
    return Table("What other preferences choose", columns, tuple(rows))


def _preference_row(preference: Preference) -> tuple[Cell, ...]:
    rivals = ", ".join(f"{trial} ({share:.0%})" for trial, share in preference.rivals)
    return (
        Cell(preference.label),
        Cell("none") if preference.trial is None else trial_cell(preference.trial),
        number_cell("–" if preference.share is None else f"{preference.share:.0%}"),
        Cell(rivals or "–"),
    )


def front_table(content: SweepContent) -> Table:
    """Give the front and the baseline, with the settings in which they differ."""
    summary = content.summary
    shown = list(summary.front[:_MOST_ROWS])
    if summary.baseline and summary.baseline not in shown:
        shown.append(summary.baseline)
    columns = [("trial", True), ("", False), *((name, True) for name in summary.score_names), ("settings", False)]
    return Table(
        "The front and the baseline", tuple(columns), tuple(_front_row(content, trial, among=shown) for trial in shown)
    )


def _front_row(content: SweepContent, trial: EndedTrial, *, among: Sequence[EndedTrial]) -> tuple[Cell, ...]:
    summary = content.summary
    objectives = {objective.name: objective for objective in summary.objectives}
    return (
        trial_cell(trial.trial),
        Cell(role_of(summary, trial)),
        *(
            number_cell(score_text(score, objectives.get(name)))
            for name, score in zip(summary.score_names, trial.scores, strict=True)
        ),
        Cell(", ".join(f"{name} {value}" for name, value in setting_texts(summary, trial, among=among))),
    )
