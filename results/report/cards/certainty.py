"""The card that asks: how sure is that."""

from __future__ import annotations

from results.findings import UNDECIDED_BELOW, Member
from results.report.card import Card, Cell, Figure, Table, Verdict, number_cell, trial_cell
from results.report.content import SweepContent
from results.report.headline import NOT_CONFIRMED
from results.report.plot import Axis, Rows
from results.words import count, score_text

RULE = (
    "Good: the recommended trial was trained again with other seeds (paretune confirm) and no confirmed trial has"
    f" better means on the confirm split, with a probability of at least {UNDECIDED_BELOW:.0%} where it can be told."
    " Watch: it was not confirmed, or not as clearly. Problem: a confirmed trial is better than it in every objective,"
    f" or more than half of the front is undecided (a probability of being non-dominated below {UNDECIDED_BELOW:.0%})."
)
_MOST_MEMBERS = 12
MEMBER_KEY = (
    ("front", "bar", "on the recorded front"),
    ("undecided", "bar", f"on it, but below {UNDECIDED_BELOW:.0%}: undecided"),
    ("other", "bar", "not on it"),
)


def card(content: SweepContent) -> Card:
    """Say how much of the front is luck."""
    findings = content.findings
    figure = members_figure(content)
    reasons = content.why_unknown("membership")
    evidence = findings.evidence
    notes = [*([] if findings.shrinkage else [NOT_CONFIRMED]), *reasons, *(evidence.notes if evidence else ())]
    if evidence:
        notes.append(
            f"{evidence.replicates:,} replicates over {count(evidence.clusters, 'image')} and {evidence.rows:,} rows of"
            f" the search split; {count(len(evidence.contenders), 'trial')} near enough to the front to matter."
        )
    if findings.shrinkage:
        notes += findings.shrinkage.caveats
    if content.overruling and content.searched_choice:
        notes.insert(
            0,
            f"By the search's scores the choice was trial {content.searched_choice.trial}; trained again, it does not"
            " stay on the front.",
        )
    return Card(
        key="certainty",
        question="How sure is that?",
        short="Certainty",
        verdict=_verdict(content),
        answer=_answer(content),
        rule=RULE,
        notes=tuple(dict.fromkeys(notes)),
        figure=Figure("certainty", figure, MEMBER_KEY) if figure else None,
        tables=_confirmed_tables(content),
        command="" if findings.shrinkage or content.recommended is None else f"paretune confirm {content.folder}",
    )


def _verdict(content: SweepContent) -> Verdict:
    if content.recommended is None:
        return "problem"
    membership = content.findings.membership
    if confirmed := content.confirmed(content.recommended):
        if not confirmed.on_confirm_front:
            return "problem"
        clear = confirmed.probability is None or confirmed.probability >= UNDECIDED_BELOW
        return "good" if clear and confirmed.runs > 1 else "watch"
    if membership and len(membership.undecided) > len(membership.front) / 2:
        return "problem"
    return "watch"


def _answer(content: SweepContent) -> str:
    chosen, findings = content.recommended, content.findings
    if chosen is None:
        return "There is nothing to be sure of: no trial completed."
    if confirmed := content.confirmed(content.recommended):
        held = "stays" if confirmed.on_confirm_front else "does not stay"
        runs = count(confirmed.runs, "run")
        clear = "" if confirmed.probability is None else f", with a probability of {confirmed.probability:.0%}"
        return f"Trained again in {runs}, trial {chosen.trial} {held} on the front of the confirm split{clear}."
    member = findings.membership.of(chosen.trial) if findings.membership else None
    if member and findings.membership:
        undecided, front = len(findings.membership.undecided), len(findings.membership.front)
        return (
            f"Trial {chosen.trial} is non-dominated in {member.probability:.0%} of the replicates;"
            f" {undecided} of the front's {count(front, 'trial')} {'is' if undecided == 1 else 'are'} undecided, and"
            " none of it has been confirmed with other seeds."
        )
    return "It is one run with one seed on the rows that the search was steered by: nobody knows yet."


def members_figure(content: SweepContent) -> str:
    """Draw P(non-dominated) of the most probable contenders; empty if it is not known."""
    membership = content.findings.membership
    if membership is None or not membership.members:
        return ""
    members = [*membership.front, *(member for member in membership.members if not member.on_front)][:_MOST_MEMBERS]
    plot = Rows([f"trial {member.trial}" for member in members], Axis("P(non-dominated)", 0, 1), room_right=64)
    marks = [plot.upright(UNDECIDED_BELOW, kind="constant", title=f"undecided below {UNDECIDED_BELOW:.0%}")]
    for row, member in enumerate(members):
        title = f"trial {member.trial}: non-dominated in {member.probability:.0%} of the replicates"
        marks.append(plot.bar(row, 0, member.probability, kind=f"bar {_kind(member)}", title=title))
        marks.append(plot.words(row, member.probability, f"{member.probability:.0%}"))
    words = "; ".join(f"trial {member.trial} {member.probability:.0%}" for member in members)
    return plot.figure(marks, title="Probability of being non-dominated", description=words)


def _kind(member: Member) -> str:
    if not member.on_front:
        return "other"
    return "undecided" if member.undecided else "front"


def _confirmed_tables(content: SweepContent) -> tuple[Table, ...]:
    shrinkage = content.findings.shrinkage
    if shrinkage is None:
        return ()
    columns = (
        ("trial", True),
        ("runs", True),
        ("objective", False),
        ("search", True),
        ("confirm", True),
        ("95 % interval", True),
        ("test", True),
    )
    objectives = {objective.name: objective for objective in content.summary.objectives}
    rows: list[tuple[Cell, ...]] = []
    for one in shrinkage.trials[:_MOST_MEMBERS]:
        for place, score in enumerate(one.objectives):
            objective = objectives.get(score.objective)
            interval = score.confirm_interval
            rows.append(
                (
                    trial_cell(one.trial) if place == 0 else Cell(""),
                    number_cell(f"{one.runs}" if place == 0 else ""),
                    Cell(score.objective),
                    number_cell(score_text(score.search, objective)),
                    number_cell(score_text(score.confirm, objective)),
                    number_cell(
                        f"{score_text(interval.low, objective)} to {score_text(interval.high, objective)}"
                        if interval
                        else "–"
                    ),
                    number_cell(score_text(score.test, objective)),
                )
            )
    return (Table("Searched, and confirmed with other seeds on other images", columns, tuple(rows)),)
