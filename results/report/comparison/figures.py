"""The figures of a comparison: the fronts over each other, and the hypervolumes over the trials."""

from __future__ import annotations

from itertools import pairwise

from results.report.comparison.compared import Comparison
from results.report.content import SweepContent
from results.report.plot import Axis, Plot, circle, diamond, square, triangle
from results.summary import EndedTrial

KINDS = ("first", "second", "third", "fourth", "fifth", "sixth")
"""Class of each sweep's marks; every sweep has a form of its own as well."""

_MARKS = (circle, diamond, triangle, square, circle, diamond)
_SHAPES = ("dot", "diamond", "triangle", "square", "dot", "diamond")
_MOST_DOMINATED = 200


def sweep_key(comparison: Comparison) -> tuple[tuple[str, str, str], ...]:
    """Say which mark is whose."""
    names = zip(KINDS, _SHAPES, comparison.names, strict=False)
    return (*((kind, shape, name) for kind, shape, name in names), ("dominated", "ring", "dominated trials"))


def fronts_figure(comparison: Comparison) -> str:
    """Draw the fronts of all sweeps, dominated trials faintly; empty unless there are two objectives and a front."""
    contents = comparison.contents[: len(KINDS)]
    points = [trial.point for content in contents for trial in _shown(content) if trial.point]
    if len(comparison.objectives) != 2 or len(points) < 2:
        return ""
    labels = [o.name if o.direction == "maximize" else f"{o.name} (smaller is better)" for o in comparison.objectives]
    plot = Plot(*(Axis.around(labels[index], [point[index] for point in points]) for index in (0, 1)))
    marks: list[str] = []
    for content in contents:
        marks += _dominated(content, plot)
    for place, content in enumerate(contents):
        marks.append(_staircase(content, plot, KINDS[place]))
        for trial in content.summary.front:
            if trial.point:
                x, y = trial.point
                title = f"{content.name} trial {trial.trial}: {x:.4g}, {y:.4g}"
                marks.append(_MARKS[place](plot.at_x(x), plot.at_y(y), kind=KINDS[place], title=title, radius=6))
    sizes = "; ".join(f"{content.name}: {len(content.summary.front)} on its front" for content in contents)
    return plot.figure(marks, title="The fronts of the sweeps", description=sizes)


def histories_figure(comparison: Comparison) -> str:
    """Draw each sweep's hypervolume over its ended trials, from the common reference; empty without one."""
    drawn = [(place, history) for place, history in enumerate(comparison.histories[: len(KINDS)]) if len(history) > 1]
    if not drawn or not max(comparison.finals):
        return ""
    most = max(len(history) for _, history in drawn)
    top = 1.08 * max(comparison.finals)
    plot = Plot(Axis("trials ended", 0, most + 0.5, is_whole=True), Axis("hypervolume", 0, top))
    marks: list[str] = []
    for place, history in drawn:
        path, before = [f"M{plot.point(0, 0)}"], 0.0
        for number, area in enumerate(history, start=1):
            if area != before or number == len(history):
                path.append(f"L{plot.point(number, before)} L{plot.point(number, area)}")
                before = area
        marks.append(f'<path class="line {KINDS[place]}" d="{" ".join(path)}"/>')
        title = f"{comparison.names[place]}: {history[-1]:.4g} after {len(history)} trials"
        mark = _MARKS[place](plot.at_x(len(history)), plot.at_y(history[-1]), kind=KINDS[place], title=title, radius=6)
        marks.append(mark)
    words = "; ".join(f"{comparison.names[place]} {history[-1]:.4g}" for place, history in drawn)
    return plot.figure(marks, title="Hypervolumes from one reference point", description=words)


def _shown(content: SweepContent) -> list[EndedTrial]:
    far_off = {trial.trial for trial in content.summary.far_off}
    return [trial for trial in content.summary.completed if trial.trial not in far_off]


def _dominated(content: SweepContent, plot: Plot) -> list[str]:
    trials = [trial for trial in _shown(content) if not trial.on_front and trial.point]
    step = max(len(trials) // _MOST_DOMINATED, 1)
    return [
        circle(plot.at_x(trial.point[0]), plot.at_y(trial.point[1]), kind="dominated", title="", radius=3)
        for trial in trials[::step]
        if trial.point
    ]


def _staircase(content: SweepContent, plot: Plot, kind: str) -> str:
    points = sorted(trial.point for trial in content.summary.front if trial.point)
    if not points:
        return ""
    is_right_better = content.summary.objectives[0].direction == "maximize"
    path = [f"M{plot.point(*points[0])}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        corner = (x0, y1) if is_right_better else (x1, y0)
        path.append(f"L{plot.point(*corner)} L{plot.point(x1, y1)}")
    return f'<path class="line {kind}" d="{" ".join(path)}"/>'
