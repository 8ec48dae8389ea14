"""The figure of pruning: how many trials reached each reported step, and how many were stopped there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from results.report.plot import Axis, Plot, text, width_of
from results.summary import Rung, Summary

PRUNING_KEY = (("complete", "bar", "went on, or ended here"), ("pruned", "bar", "pruned here"))
MOST_RUNGS = 60
"""Bars in the figure; with more reported steps, those at which nothing was pruned are thinned out."""


def pruning_figure(summary: Summary) -> str:
    """Draw how many trials reached each reported step, and how many were stopped there; empty without a rung."""
    if not summary.rungs:
        return ""
    rungs = _thinned(summary.rungs)
    most = max(rung.reached for rung in rungs)
    last = rungs[-1].step
    plot = Plot(Axis("step", 0, 1.06 * last, is_whole=True), Axis("trials", 0, 1.15 * most + 0.5, is_whole=True))
    steps = [0, *(rung.step for rung in rungs)]
    narrowest = min(plot.at_x(after) - plot.at_x(before) for before, after in pairwise(steps))
    half = min(0.4 * narrowest, 24)
    marks: list[str] = []
    for rung in rungs:
        middle, bottom = plot.at_x(rung.step), plot.at_y(0)
        parts = (
            ("bar complete", rung.reached - rung.pruned, "went on or ended here"),
            ("bar pruned", rung.pruned, "pruned here"),
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
    description = "; ".join(f"step {rung.step}: {rung.reached} reached, {rung.pruned} pruned" for rung in rungs)
    return plot.figure(marks, title="Pruning", description=description)


def _thinned(rungs: Sequence[Rung]) -> Sequence[Rung]:
    if len(rungs) <= MOST_RUNGS:
        return rungs
    kept = {place * (len(rungs) - 1) // (MOST_RUNGS - 1) for place in range(MOST_RUNGS)}
    return [rung for place, rung in enumerate(rungs) if place in kept or rung.pruned]
