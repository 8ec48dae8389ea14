"""The figures of a report: the front, the hypervolume over trials, and where trials were stopped."""

from __future__ import annotations

from itertools import pairwise

from results.headline import score_text
from results.plot import Axis, Labels, Plot, circle, diamond, text, width_of
from results.summary import EndedTrial, Summary


def front_figure(summary: Summary) -> str:
    """Draw all completed trials of a sweep with two objectives, the front as a staircase.

    Returns:
        SVG; empty if fewer than two trials completed or there are not two objectives.

    """
    if len(summary.completed) < 2 or len(summary.objectives) != 2:
        return ""
    far_off = {trial.trial for trial in summary.far_off}
    shown = [trial for trial in summary.completed if trial.trial not in far_off]
    points = [trial.point for trial in shown if trial.point]
    plot = Plot(*(Axis.around(_label(summary, index), [point[index] for point in points]) for index in (0, 1)))
    labels = Labels([(plot.at_x(x), plot.at_y(y)) for x, y in points])
    marks = [_staircase(summary, plot), *_constant_boxes(summary, plot, labels)]
    for trial in sorted(shown, key=lambda trial: (trial.on_front, trial is summary.baseline)):
        marks.append(_mark(summary, plot, trial))
    marks.extend(_named(summary, plot, labels))
    description = (
        f"{len(summary.completed)} completed trials; {len(summary.front)} are on the front: trials "
        + ", ".join(str(trial.trial) for trial in summary.front)
    )
    return plot.figure(marks, title="The front", description=description)


def hypervolume_figure(summary: Summary) -> str:
    """Draw the hypervolume after each ended trial; empty without a reference point or a second completed trial."""
    if not summary.hypervolumes or len(summary.completed) < 2:
        return ""
    count = len(summary.hypervolumes)
    top = max(summary.hypervolumes) or 1.0
    plot = Plot(Axis("trials ended", 0, count + 0.5, is_whole=True), Axis("hypervolume", 0, 1.08 * top))
    path = [f"M{plot.point(0, 0)}"]
    before = 0.0
    for index, area in enumerate(summary.hypervolumes, start=1):
        path.append(f"L{plot.point(index, before)} L{plot.point(index, area)}")
        before = area
    marks = [f'<path class="line" d="{" ".join(path)}"/>']
    for index, (trial, area) in enumerate(zip(summary.trials, summary.hypervolumes, strict=True), start=1):
        title = f"after trial {trial.trial} ({trial.state}): {area:.4g}"
        kind = {"COMPLETE": "front", "PRUNED": "pruned", "FAIL": "failed"}[trial.state]
        marks.append(circle(plot.at_x(index), plot.at_y(area), kind=kind, title=title, radius=4))
    return plot.figure(
        marks, title="Hypervolume", description=f"Rises to {summary.hypervolumes[-1]:.4g} after {count} ended trials."
    )


def pruning_figure(summary: Summary) -> str:
    """Draw how many trials reached each reported step, and how many were stopped there; empty without a rung."""
    if not summary.rungs:
        return ""
    most = max(rung.reached for rung in summary.rungs)
    last = summary.rungs[-1].step
    plot = Plot(Axis("step", 0, 1.06 * last, is_whole=True), Axis("trials", 0, 1.15 * most + 0.5, is_whole=True))
    steps = [0, *(rung.step for rung in summary.rungs)]
    narrowest = min(plot.at_x(after) - plot.at_x(before) for before, after in pairwise(steps))
    half = min(0.4 * narrowest, 24)
    marks: list[str] = []
    for rung in summary.rungs:
        middle, bottom = plot.at_x(rung.step), plot.at_y(0)
        parts = (
            ("bar", rung.reached - rung.pruned, "went on or ended here"),
            ("bar-pruned", rung.pruned, "pruned here"),
        )
        for kind, number, words in parts:
            height = plot.at_y(0) - plot.at_y(number)
            bottom -= height
            if number:
                marks.append(
                    f'<rect class="{kind}" x="{middle - half:.1f}" y="{bottom:.1f}" width="{2 * half:.1f}" '
                    f'height="{height:.1f}"><title>step {rung.step}: {number} {words}</title></rect>'
                )
        words = f"{rung.pruned} pruned" if narrowest > width_of("000 pruned") else f"{rung.pruned}"
        if rung.pruned and narrowest > width_of(words):
            marks.append(text(words, middle, bottom - 5, anchor="middle", kind="note"))
    description = "; ".join(f"step {rung.step}: {rung.reached} reached, {rung.pruned} pruned" for rung in summary.rungs)
    return plot.figure(marks, title="Pruning", description=description)


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


def _mark(summary: Summary, plot: Plot, trial: EndedTrial) -> str:
    x, y = trial.point or (0.0, 0.0)
    scores = ", ".join(
        f"{objective.name} {score_text(value, objective)}"
        for objective, value in zip(summary.objectives, (x, y), strict=True)
    )
    if trial is summary.baseline:
        return diamond(plot.at_x(x), plot.at_y(y), kind="baseline", title=f"trial {trial.trial}, baseline: {scores}")
    kind = "front" if trial.on_front else "dominated"
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
