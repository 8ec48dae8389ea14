"""The sentences of a report: what the sweep found, and what keeps it from saying more."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from results.findings import ConfirmedTrial, Shrinkage
from results.gains import signs_of
from results.summary import EndedTrial, Summary
from results.words import count, score_text

NOT_CONFIRMED = (
    "Each score is one run's, on the rows that the search itself was steered by, so the best ones flatter themselves;"
    " confirm the front with new seeds on other rows before relying on it."
)
_MOST_NAMED = 12


def headline(summary: Summary, *, first: EndedTrial | None = None) -> tuple[str, ...]:
    """Say whether any trial is better than plain cross entropy, and by how much; never nothing.

    Args:
        summary: Of the sweep.
        first: The trial to name if it is one of several that are better in every objective.

    """
    if not summary.trials:
        return ("No trial has ended yet, so there is nothing to compare.",)
    if not summary.completed:
        return (f"No trial completed: {ended_counts(summary)}. There is no final score to compare.",)
    if summary.baseline is None:
        return (_missing_baseline(summary), *(_best_alone(summary, index) for index in _indices(summary)))
    others = [trial for trial in summary.completed if trial is not summary.baseline]
    if not others:
        return ("Only the baseline completed, so no trial can be compared with plain cross entropy.",)
    sentences = [_in_all(summary, others, first), *(_in_one(summary, others, index) for index in _indices(summary))]
    sentences += [_below_constant_box(summary, index) for index in _indices(summary)]
    return tuple(sentence for sentence in sentences if sentence)


def lede(
    summary: Summary,
    chosen: EndedTrial | None,
    *,
    again: ConfirmedTrial | None = None,
    baseline_again: ConfirmedTrial | None = None,
) -> str:
    """Say in two sentences what came of the sweep; the cards say it in full.

    Args:
        summary: Of the sweep.
        chosen: The recommended trial.
        again: What came of it when it was trained again.
        baseline_again: The same of the baseline.

    """
    if chosen is None or summary.baseline is None or chosen is summary.baseline:
        return headline(summary)[0]
    searched = _instead(summary, chosen.values, summary.baseline.values)
    against = f"Trial {chosen.trial} against plain cross entropy"
    if again is None:
        return f"{against}: {searched}. Not confirmed with other seeds yet."
    held = "It stays" if again.on_confirm_front else "It does not stay"
    if baseline_again is None or not again.objectives:
        return f"{against}: {searched}. {held} on the front when trained again."
    means = _instead(summary, _means(again), _means(baseline_again))
    seeds = f"{count(again.runs, 'new seed')} on rows kept back"
    return f"{against}, with {seeds}: {means}. {held} on the front when trained again."


def _instead(summary: Summary, own: Sequence[float | None], base: Sequence[float | None]) -> str:
    """Set a trial's scores against others, one objective after another."""
    return ", ".join(
        f"{objective.name} {score_text(one, objective)} instead of {score_text(other, objective)}"
        for objective, one, other in zip(summary.objectives, own, base, strict=True)
    )


def _means(again: ConfirmedTrial) -> list[float]:
    return [one.confirm for one in again.objectives]


def confirmed_text(summary: Summary, again: ConfirmedTrial | None) -> str:
    """Give the means of a trial's confirmation runs; empty without them."""
    return _scores_of(summary, _means(again)) if again is not None and again.objectives else ""


def confirmed_gain(summary: Summary, shrinkage: Shrinkage | None) -> tuple[str, bool] | None:
    """Say which trials are better than plain cross entropy when both are trained again, and whether any is.

    Returns:
        ``None`` unless the baseline and another trial were trained again.

    """
    again = {one.trial: one for one in shrinkage.trials if one.objectives} if shrinkage else {}
    base = again.pop(summary.baseline.trial, None) if summary.baseline else None
    if base is None or not again:
        return None
    theirs, signs = np.array(_means(base)), signs_of(summary.objectives)
    better = [trial for trial, one in sorted(again.items()) if (signs * (np.array(_means(one)) - theirs) > 0).all()]
    all_of_them = _all_objectives(summary)
    where = f"by the means of {count(base.runs, 'new seed')} on rows kept back"
    if not better:
        none = "it does not beat" if len(again) == 1 else f"none of {count(len(again), 'trial')} beats"
        return f"Trained again, {none} plain cross entropy in {all_of_them} {where}.", False
    names = " and ".join(filter(None, [", ".join(map(str, better[:-1])), str(better[-1])]))
    verb = f"trial {names} beats" if len(better) == 1 else f"trials {names} beat"
    return f"Trained again, {verb} plain cross entropy in {all_of_them} {where}.", True


def front_notes(summary: Summary) -> tuple[str, ...]:
    """Say what the front cannot show."""
    notes: list[str] = []
    completed = summary.completed
    if not completed:
        return ("There is no front: no trial has completed.",)
    if len(completed) == 1:
        notes.append(
            f"There is no trade-off to draw: trial {completed[0].trial} is the only one that completed, with"
            f" {scores_text(summary, completed[0])}."
        )
    else:
        notes.append(f"{len(summary.front)} of {len(completed)} completed trials are on the front.")
    if far_off := summary.far_off:
        shown = ", ".join(str(trial.trial) for trial in far_off[:_MOST_NAMED])
        names = f"{shown} and others" if len(far_off) > _MOST_NAMED else shown
        notes.append(
            f"{count(len(far_off), 'completed trial')} far worse than most {'is' if len(far_off) == 1 else 'are'} not"
            f" drawn: {names}."
        )
    if len(summary.objectives) != 2:
        notes.append(f"The front is drawn for two objectives; this sweep has {len(summary.objectives)}.")
    if summary.baseline is None:
        notes.append(_missing_baseline(summary))
    for index, objective in enumerate(summary.objectives):
        seen = {trial.values[index] for trial in completed}
        if len(seen) == 1 and len(completed) > 1:
            notes.append(
                f"Every completed trial has the same {objective.name},"
                f" {score_text(completed[0].values[index], objective)}: nothing is traded against it."
            )
    for name, score in summary.constant_box.items():
        notes.append(f"One constant box, the mean training box, gets {score_text(score)} in {name} on the same rows.")
    return tuple(notes)


def hypervolume_notes(summary: Summary) -> tuple[str, ...]:
    """Say what the hypervolume is measured from, or why it cannot be measured."""
    if not summary.completed:
        return ("There is no hypervolume: no trial has completed.",)
    if summary.reference is None:
        return ("There is no hypervolume: its reference point comes from the baseline, and no baseline has completed.",)
    if len(summary.completed) == 1:
        return ("There is no progress to draw: the baseline is the only trial that completed.",)
    place = ", ".join(
        f"{objective.name} {score_text(score, objective)}"
        for objective, score in zip(summary.objectives, summary.reference, strict=True)
    )
    return (
        f"Measured from the reference point {place}, which lies a fixed margin below the baseline and does not depend"
        f" on any other trial. It ends at {summary.hypervolumes[-1]:.4g}.",
    )


def pruning_notes(summary: Summary) -> tuple[str, ...]:
    """Say how many trials were pruned, where, and what that saved."""
    if not summary.trials:
        return ("Nothing has been pruned: no trial has ended yet.",)
    pruned = summary.in_state("PRUNED")
    early = sum(trial.steps == 0 for trial in summary.in_state("FAIL"))
    notes = []
    if pruned:
        places = ", ".join(f"{rung.pruned} at step {rung.step}" for rung in summary.rungs if rung.pruned)
        whole = summary.steps_run + summary.steps_saved
        share = summary.steps_saved / whole if whole else 0.0
        notes.append(
            f"{len(pruned)} of {len(summary.trials)} ended trials were pruned: {places}. That saved"
            f" {summary.steps_saved:,} of {whole:,} steps ({share:.0%})."
        )
    else:
        notes.append(f"None of {count(len(summary.trials), 'ended trial')} was pruned.")
    if early:
        notes.append(f"{count(early, 'trial')} failed before the first report.")
    return tuple(notes)


def ended_counts(summary: Summary) -> str:
    """Count the ended trials by state, in words."""
    words = {"COMPLETE": "completed", "PRUNED": "pruned", "FAIL": "failed"}
    counted = [f"{len(summary.in_state(state))} {word}" for state, word in words.items() if summary.in_state(state)]
    return f"{count(len(summary.trials), 'ended trial')} ({', '.join(counted) or 'none'})"


def scores_text(summary: Summary, trial: EndedTrial) -> str:
    """Give a trial's objectives with their scores."""
    return _scores_of(summary, trial.values)


def _scores_of(summary: Summary, values: Sequence[float | None]) -> str:
    pairs = zip(summary.objectives, values, strict=True)
    return ", ".join(f"{objective.name} {score_text(score, objective)}" for objective, score in pairs)


def is_better_in_all(summary: Summary) -> bool:
    """Tell whether some completed trial is better than the baseline in every objective by its recorded scores."""
    others = [trial for trial in summary.completed if trial is not summary.baseline]
    return any(all(_gain(summary, trial, index) > 0 for index in _indices(summary)) for trial in others)


def _indices(summary: Summary) -> range:
    return range(len(summary.objectives))


def _gain(summary: Summary, trial: EndedTrial, index: int) -> float:
    """Give how much better than the baseline a trial is, positive for better in either direction."""
    own, base = trial.point, summary.baseline.point if summary.baseline else None
    if own is None or base is None:
        return math.nan
    sign = 1 if summary.objectives[index].direction == "maximize" else -1
    return sign * (own[index] - base[index])


def _all_objectives(summary: Summary) -> str:
    return {1: "the objective", 2: "both objectives"}.get(len(summary.objectives), "all objectives")


def _in_all(summary: Summary, others: Sequence[EndedTrial], first: EndedTrial | None) -> str:
    better = [trial for trial in others if all(_gain(summary, trial, index) > 0 for index in _indices(summary))]
    all_of_them = _all_objectives(summary)
    if not better:
        return f"No trial beats plain cross entropy in {all_of_them}."
    most = max(better, key=lambda trial: math.prod(_gain(summary, trial, index) for index in _indices(summary)))
    best = first if first in better else most
    parts = [_against_baseline(summary, best, index) for index in _indices(summary)]
    rest = len(better) - 1
    more = "" if not rest else f" So {'does' if rest == 1 else 'do'} {count(rest, 'other trial')}."
    return f"Trial {best.trial} beats plain cross entropy in {all_of_them}: {'; '.join(parts)}.{more}"


def _in_one(summary: Summary, others: Sequence[EndedTrial], index: int) -> str:
    if len(summary.objectives) == 1:
        return ""
    name = summary.objectives[index].name
    best = max(others, key=lambda trial: _gain(summary, trial, index))
    if _gain(summary, best, index) <= 0:
        return f"No trial beats plain cross entropy in {name}; trial {best.trial} comes closest: " + (
            f"{_against_baseline(summary, best, index)}."
        )
    rest = "; ".join(_against_baseline(summary, best, other) for other in _indices(summary) if other != index)
    return f"Best in {name} is trial {best.trial}: {_against_baseline(summary, best, index)}, with {rest}."


def _against_baseline(summary: Summary, trial: EndedTrial, index: int) -> str:
    objective = summary.objectives[index]
    gain = _gain(summary, trial, index)
    base = summary.baseline.values[index] if summary.baseline else None
    change = "the same" if gain == 0 else f"{'better' if gain > 0 else 'worse'} by {score_text(abs(gain), objective)}"
    own = score_text(trial.values[index], objective)
    return f"{objective.name} {own} against {score_text(base, objective)} ({change})"


def _below_constant_box(summary: Summary, index: int) -> str:
    objective = summary.objectives[index]
    constant = summary.constant_box.get(objective.name)
    best = max((trial.point[index] for trial in summary.completed if trial.point), default=math.nan)
    if constant is None or best > constant:
        return ""
    return (
        f"No trial's {objective.name} is above {score_text(constant, objective)}, what one constant box gets on the"
        " same rows: nothing here has learned to ground."
    )


def _best_alone(summary: Summary, index: int) -> str:
    objective = summary.objectives[index]
    sign = 1 if objective.direction == "maximize" else -1
    best = max(summary.completed, key=lambda trial: sign * (trial.point or (math.nan,))[index])
    return f"Best in {objective.name} is trial {best.trial}: {scores_text(summary, best)}."


def _missing_baseline(summary: Summary) -> str:
    lost = summary.failed_baseline
    why = (
        "the sweep has no baseline that ended"
        if lost is None
        else (f"its trial {lost.trial} ended as {lost.state} ({lost.reason})")
    )
    return f"Nothing can be compared with plain cross entropy: {why}."
