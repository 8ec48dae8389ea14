"""The figure of progress: the hypervolume after each ended trial."""

from __future__ import annotations

from collections.abc import Sequence

from results.findings import HypervolumeBand
from results.report.plot import Axis, Plot, circle
from results.summary import Summary

HYPERVOLUME_KEY = (
    ("front", "dot", "a completed trial that added to it"),
    ("ring", "ring", "completed, added nothing"),
    ("pruned", "dot", "pruned"),
    ("failed", "dot", "failed"),
    ("band", "bar", "95 % interval over replicates"),
)
MOST_MARKS = 300
"""Trials drawn as marks; those that added to the hypervolume come first."""


def hypervolume_figure(summary: Summary, band: HypervolumeBand | None) -> str:
    """Draw the hypervolume with its interval; empty without a reference point or a second completed trial."""
    history = summary.hypervolumes
    if not history or len(summary.completed) < 2:
        return ""
    count = len(history)
    top = max(*history, *(band.high if band else ())) or 1.0
    plot = Plot(Axis("trials ended", 0, count + 0.5, is_whole=True), Axis("hypervolume", 0, 1.08 * top))
    marks = [_band(plot, band)] if band else []
    marks.append(f'<path class="line" d="{_steps(plot, history)}"/>')
    kinds = {"COMPLETE": "front", "PRUNED": "pruned", "FAIL": "failed"}
    for place in _marked(history):
        trial, area = summary.trials[place], history[place]
        title = f"after trial {trial.trial} ({trial.state}): {area:.4g}"
        added = area > (history[place - 1] if place else 0.0)
        kind = "ring" if trial.state == "COMPLETE" and not added else kinds[trial.state]
        mark = circle(plot.at_x(place + 1), plot.at_y(area), kind=kind, title=title, radius=4)
        marks.append(mark)
    words = f"Rises to {history[-1]:.4g} after {count} ended trials."
    return plot.figure(marks, title="Hypervolume", description=words)


def _steps(plot: Plot, history: Sequence[float]) -> str:
    path, before = [f"M{plot.point(0, 0)}"], 0.0
    for place, area in enumerate(history, start=1):
        if area != before or place == len(history):
            path.append(f"L{plot.point(place, before)} L{plot.point(place, area)}")
            before = area
    return " ".join(path)


def _band(plot: Plot, band: HypervolumeBand) -> str:
    places = _corners(band)
    upper = [plot.point(place + 1, band.high[place]) for place in places]
    lower = [plot.point(place + 1, band.low[place]) for place in reversed(places)]
    return f'<path class="band" d="M{" L".join([*upper, *lower])} Z"><title>95 % interval</title></path>'


def _corners(band: HypervolumeBand) -> list[int]:
    """Give the places at which the band changes, and those before them."""
    last = len(band.trials) - 1
    changes = {0, last}
    for place in range(1, last + 1):
        if (band.low[place], band.high[place]) != (band.low[place - 1], band.high[place - 1]):
            changes |= {place - 1, place}
    return sorted(changes)


def _marked(history: Sequence[float]) -> list[int]:
    if len(history) <= MOST_MARKS:
        return list(range(len(history)))
    return [place for place in range(len(history)) if place == 0 or history[place] > history[place - 1]][-MOST_MARKS:]
