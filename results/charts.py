"""The figures of a report: the front, the hypervolume over trials, and where trials were stopped."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from results.headline import score_text
from results.plot import HEIGHT, WIDTH, Axis, Plot, circle, diamond, text
from results.summary import EndedTrial, Summary

_LABEL_ROOM = 90


def front_figure(summary: Summary) -> str:
    """Draw all completed trials of a sweep with two objectives, the front as a staircase.

    Returns:
        SVG; empty if fewer than two trials completed or there are not two objectives.

    """
    if len(summary.completed) < 2 or len(summary.objectives) != 2:
        return ""
    points = [trial.point for trial in summary.completed if trial.point]
    plot = Plot(*(Axis.around(_label(summary, index), [point[index] for point in points]) for index in (0, 1)))
    marks = [_staircase(summary, plot), *_constant_boxes(summary, plot)]
    for trial in sorted(summary.completed, key=lambda trial: (trial.on_front, trial is summary.baseline)):
        marks.append(_mark(summary, plot, trial))
    marks.extend(_labels(summary, plot))
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
    half = min(0.3 * (WIDTH - _LABEL_ROOM) / (len(summary.rungs) + 1), 24)
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
        if rung.pruned:
            marks.append(text(f"{rung.pruned} pruned", middle, bottom - 5, anchor="middle", kind="note"))
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


def _constant_boxes(summary: Summary, plot: Plot) -> list[str]:
    """Mark the constant box where it lies inside the figure; a note says it where it lies outside."""
    marks: list[str] = []
    for index, objective in enumerate(summary.objectives):
        score = summary.constant_box.get(objective.name)
        axis = (plot.x, plot.y)[index]
        if score is None:
            continue
        words = f"constant box {score_text(score, objective)}"
        if not axis.low <= score <= axis.high:
            side = "←" if index == 0 else "↓"
            marks.append(
                text(f"{side} {words}, outside", plot.at_x(plot.x.low) + 8, plot.at_y(plot.y.low) - 8, kind="note")
            )
        elif index == 0:
            x = plot.at_x(score)
            marks.append(f'<line class="constant" x1="{x:.1f}" x2="{x:.1f}" y1="16" y2="{plot.at_y(plot.y.low):.1f}"/>')
            marks.append(text(words, x + 6, plot.at_y(plot.y.low) - 8, kind="note"))
        else:
            y = plot.at_y(score)
            marks.append(
                f'<line class="constant" x1="{plot.at_x(plot.x.low):.1f}" x2="{WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}"/>'
            )
            marks.append(text(words, plot.at_x(plot.x.low) + 8, y - 6, kind="note"))
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


def _labels(summary: Summary, plot: Plot) -> list[str]:
    """Give the front its numbers and the baseline its name, without labels that would overlap earlier ones."""
    marks: list[str] = []
    taken: list[tuple[float, float, float]] = []
    baseline = [summary.baseline] if summary.baseline else []
    for trial in (*baseline, *(member for member in summary.front if member is not summary.baseline)):
        words = "baseline" if trial is summary.baseline else str(trial.trial)
        x, y = trial.point or (0.0, 0.0)
        place = _free_place(plot.at_x(x), plot.at_y(y), 8.5 * len(words), taken)
        if place:
            taken.append((*place, 8.5 * len(words)))
            marks.append(text(words, *place, kind="note"))
    return marks


def _free_place(
    x: float, y: float, width: float, taken: Sequence[tuple[float, float, float]]
) -> tuple[float, float] | None:
    for dx, dy in ((10, -8), (10, 16), (-10 - width, -8), (-10 - width, 16)):
        left, line = x + dx, y + dy
        inside = left > _LABEL_ROOM - 24 and left + width < WIDTH - 4 and 12 < line < HEIGHT - 56
        if inside and all(
            left + width < other or other + length < left or abs(line - row) > 14 for other, row, length in taken
        ):
            return left, line
    return None
