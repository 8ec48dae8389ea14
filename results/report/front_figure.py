"""The figure of the front: all completed trials of a sweep with two objectives."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from results.findings import UNDECIDED_BELOW, ConfirmedTrial, Findings
from results.report.plot import Axis, Labels, Plot, circle, diamond, square, text, width_of
from results.summary import EndedTrial, Summary
from results.words import score_text

MOST_DOMINATED = 500
"""Dominated trials in the figure; more are thinned out evenly by their number."""

FRONT_KEY = (
    ("front", "dot", "on the front"),
    ("undecided", "ring", f"on it, but non-dominated in less than {UNDECIDED_BELOW:.0%} of the replicates"),
    ("dominated", "ring", "dominated"),
    ("baseline", "diamond", "plain cross entropy (baseline)"),
    ("confirmed", "square", "the same setting, trained again with other seeds on other images"),
    ("attained", "dashes", "attained in 25 % and in 75 % of the replicates"),
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
    again = [(score.confirm for score in one.objectives) for one in _confirmed_trials(findings)]
    points = [*points, *((x, y) for x, y in again)]
    plot = Plot(*(Axis.around(_label(summary, index), [point[index] for point in points]) for index in (0, 1)))
    labels = Labels([(plot.at_x(x), plot.at_y(y)) for x, y in points])
    marks = [*_attained(findings, plot), _staircase(summary, plot), *_constant_boxes(summary, plot, labels)]
    for trial in sorted(_thinned(summary, shown), key=lambda trial: (trial.on_front, trial is summary.baseline)):
        marks.append(_mark(summary, plot, trial, undecided=undecided))
    marks.extend(_confirmed(summary, findings, plot))
    marks.extend(_named(summary, plot, labels))
    description = (
        f"{len(summary.completed)} completed trials; {len(summary.front)} are on the front: trials "
        + ", ".join(str(trial.trial) for trial in summary.front)
    )
    return plot.figure(marks, title="The front", description=description)


def _confirmed_trials(findings: Findings) -> Sequence[ConfirmedTrial]:
    return findings.shrinkage.trials if findings.shrinkage else ()


def _confirmed(summary: Summary, findings: Findings, plot: Plot) -> list[str]:
    """Mark what settings scored when they were trained again, each joined to its score in the search."""
    searched = {trial.trial: trial.point for trial in summary.completed}
    marks: list[str] = []
    for one in _confirmed_trials(findings):
        x, y = (score.confirm for score in one.objectives)
        if from_ := searched.get(one.trial):
            marks.append(f'<path class="shrinkage" d="M{plot.point(*from_)} L{plot.point(x, y)}"/>')
        title = f"trial {one.trial}, confirmed in {one.runs} runs: {x:.3f}, {y:.3f}"
        marks.append(square(plot.at_x(x), plot.at_y(y), kind="confirmed", title=title, radius=4))
    return marks


def _attained(findings: Findings, plot: Plot) -> list[str]:
    """Draw what is attained in a quarter and in three quarters of the replicates, inside the figure."""
    is_right_better = findings.objectives[0].direction == "maximize"
    marks: list[str] = []
    for surface in findings.attainment.surfaces if findings.attainment else ():
        if surface.level == 0.5:
            continue
        corners: list[tuple[float, float]] = []
        for x, y in sorted((x, y) for x, y in surface.points):
            if corners:
                corners.append((corners[-1][0], y) if is_right_better else (x, corners[-1][1]))
            corners.append((x, y))
        title = f"attained in {surface.level:.0%} of the replicates"
        for piece in _inside(corners, plot):
            path = " L".join(plot.point(*point) for point in piece)
            marks.append(f'<path class="attained" d="M{path}"><title>{title}</title></path>')
    return marks


def _inside(corners: Sequence[tuple[float, float]], plot: Plot) -> list[list[tuple[float, float]]]:
    """Cut a line of upright and level pieces to the figure."""
    x, y = plot.x, plot.y
    pieces: list[list[tuple[float, float]]] = []
    for (x0, y0), (x1, y1) in pairwise(corners):
        x_low, x_high = sorted((x0, x1))
        y_low, y_high = sorted((y0, y1))
        if x_high < x.low or x_low > x.high or y_high < y.low or y_low > y.high:
            continue
        start = (min(max(x0, x.low), x.high), min(max(y0, y.low), y.high))
        end = (min(max(x1, x.low), x.high), min(max(y1, y.low), y.high))
        if pieces and pieces[-1][-1] == start:
            pieces[-1].append(end)
        else:
            pieces.append([start, end])
    return pieces


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
