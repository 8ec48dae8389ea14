"""The figure of the front: all completed trials of a sweep with two objectives."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from results.findings import UNDECIDED_BELOW, Findings
from results.report.headline import score_text
from results.report.plot import Axis, Labels, Plot, circle, diamond, text, width_of
from results.summary import EndedTrial, Summary

MOST_DOMINATED = 500
"""Dominated trials in the figure; more are thinned out evenly by their number."""

FRONT_KEY = (
    ("front", "dot", "on the front"),
    ("undecided", "ring", f"on it, but non-dominated in less than {UNDECIDED_BELOW:.0%} of the replicates"),
    ("dominated", "ring", "dominated"),
    ("baseline", "diamond", "plain cross entropy (baseline)"),
)


def front_figure(summary: Summary, findings: Findings) -> str:
    """Draw completed trials, the front as a staircase, undecided members hollow.

    Returns:
        SVG; empty if fewer than two trials completed or there are not two objectives.

    """
    if len(summary.completed) < 2 or len(summary.objectives) != 2:
        return ""
    undecided = set(findings.membership.undecided if findings.membership else ())
    far_off = {trial.trial for trial in summary.far_off}
    shown = [trial for trial in summary.completed if trial.trial not in far_off]
    points = [trial.point for trial in shown if trial.point]
    plot = Plot(*(Axis.around(_label(summary, index), [point[index] for point in points]) for index in (0, 1)))
    labels = Labels([(plot.at_x(x), plot.at_y(y)) for x, y in points])
    marks = [_staircase(summary, plot), *_constant_boxes(summary, plot, labels)]
    for trial in sorted(_thinned(summary, shown), key=lambda trial: (trial.on_front, trial is summary.baseline)):
        marks.append(_mark(summary, plot, trial, undecided=undecided))
    marks.extend(_named(summary, plot, labels))
    description = (
        f"{len(summary.completed)} completed trials; {len(summary.front)} are on the front: trials "
        + ", ".join(str(trial.trial) for trial in summary.front)
    )
    return plot.figure(marks, title="The front", description=description)


def undrawn(summary: Summary) -> int:
    """Count the dominated trials that the figure leaves out because there are too many."""
    dominated = [trial for trial in summary.completed if not trial.on_front and trial is not summary.baseline]
    return max(len(dominated) - MOST_DOMINATED, 0)


def _thinned(summary: Summary, trials: Sequence[EndedTrial]) -> list[EndedTrial]:
    dominated = [trial for trial in trials if not trial.on_front and trial is not summary.baseline]
    others = [trial for trial in trials if trial.on_front or trial is summary.baseline]
    if len(dominated) > MOST_DOMINATED:
        dominated = [dominated[place * len(dominated) // MOST_DOMINATED] for place in range(MOST_DOMINATED)]
    return dominated + others


def _label(summary: Summary, index: int) -> str:
    objective = summary.objectives[index]
    return objective.name if objective.direction == "maximize" else f"{objective.name} (smaller is better)"


def _staircase(summary: Summary, plot: Plot) -> str:
    """Join front members by the corners of what they dominate."""
    points = sorted(trial.point for trial in summary.front if trial.point)
    is_right_better = summary.objectives[0].direction == "maximize"
    path = [f"M{plot.point(*points[0])}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        corner = (x0, y1) if is_right_better else (x1, y0)
        path.append(f"L{plot.point(*corner)} L{plot.point(x1, y1)}")
    return f'<path class="line" d="{" ".join(path)}"/>'


def _constant_boxes(summary: Summary, plot: Plot, labels: Labels) -> list[str]:
    """Mark the constant box by a line, or by an arrow to the side on which it lies outside the figure."""
    marks: list[str] = []
    left, bottom = plot.at_x(plot.x.low), plot.at_y(plot.y.low)
    right, top = plot.at_x(plot.x.high), plot.at_y(plot.y.high)
    for index, objective in enumerate(summary.objectives):
        score = summary.constant_box.get(objective.name)
        if score is None:
            continue
        axis = (plot.x, plot.y)[index]
        words = f"constant box {score_text(score, objective)}"
        if axis.low <= score <= axis.high:
            x, y = (plot.at_x(score), bottom) if index == 0 else (left, plot.at_y(score))
            x_end, y_end = (x, top) if index == 0 else (right, y)
            marks.append(f'<line class="constant" x1="{x:.1f}" x2="{x_end:.1f}" y1="{y:.1f}" y2="{y_end:.1f}"/>')
        else:
            arrow = ("←→", "↓↑")[index][score > axis.high]
            words = f"{words}, outside {arrow}" if arrow == "→" else f"{arrow} {words}, outside"
            x = right - 12 - width_of(words) if arrow == "→" else left
            y = top + 20 if arrow == "↑" else bottom - 20 * index
        place = labels.forced((x + 6, y - 8), words)
        marks.append(text(words, *place, kind="note"))
    return marks


def _mark(summary: Summary, plot: Plot, trial: EndedTrial, *, undecided: Collection[int]) -> str:
    x, y = trial.point or (0.0, 0.0)
    scores = ", ".join(
        f"{objective.name} {score_text(value, objective)}"
        for objective, value in zip(summary.objectives, (x, y), strict=True)
    )
    if trial is summary.baseline:
        return diamond(plot.at_x(x), plot.at_y(y), kind="baseline", title=f"trial {trial.trial}, baseline: {scores}")
    kind = "dominated"
    if trial.on_front:
        kind = "undecided" if trial.trial in undecided else "front"
    return circle(plot.at_x(x), plot.at_y(y), kind=kind, title=f"trial {trial.trial}: {scores}")


def _named(summary: Summary, plot: Plot, labels: Labels) -> list[str]:
    """Give the baseline its name, and the front its numbers where they cover neither a mark nor another label."""
    marks: list[str] = []
    if summary.baseline and summary.baseline.point:
        x, y = summary.baseline.point
        spot = (plot.at_x(x), plot.at_y(y))
        place = labels.beside(spot, "baseline") or labels.forced((spot[0] + 10, spot[1] - 8), "baseline")
        marks.append(text("baseline", *place, kind="note"))
    for trial in summary.front:
        if trial is not summary.baseline and trial.point:
            x, y = trial.point
            if place := labels.beside((plot.at_x(x), plot.at_y(y)), str(trial.trial)):
                marks.append(text(str(trial.trial), *place, kind="note"))
    return marks
