"""The frame of a figure: scales, axes, marks and labels as SVG that follows the page's colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 560, 370
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 16, 56
_TICKS = 5
FRAME = (_LEFT, _TOP, WIDTH - _RIGHT, HEIGHT - _BOTTOM)
"""Left, top, right and bottom of what the axes enclose."""

_LETTER_WIDTH = 8.5
_ASCENT, _DESCENT = 11, 3
_MARK_RADIUS = 6
_ROOM_OUTSIDE = 14


@dataclass(frozen=True)
class Axis:
    """One direction of a figure.

    Attributes:
        label: What is measured.
        low: Value at the start.
        high: Value at the end, above ``low``.
        is_whole: Whether only whole numbers make sense as ticks.

    """

    label: str
    low: float
    high: float
    is_whole: bool = False

    @classmethod
    def around(cls, label: str, values: Sequence[float], *, is_whole: bool = False) -> Axis:
        """Give an axis that holds all values with a little room; also for one value or equal ones."""
        low, high = min(values), max(values)
        room = 0.08 * (high - low) or 0.05 * abs(high) or 0.5
        return cls(label, low - room, high + room, is_whole)

    def ticks(self) -> list[float]:
        """Give round values inside the axis."""
        raw = (self.high - self.low) / _TICKS
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(size * power for size in (1, 2, 5, 10) if size * power >= raw)
        step = max(step, 1.0) if self.is_whole else step
        first = math.ceil(self.low / step)
        return [index * step for index in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def tick_text(self, value: float) -> str:
        """Write a tick with as many decimals as the ticks need."""
        ticks = self.ticks()
        step = ticks[1] - ticks[0] if len(ticks) > 1 else abs(value) or 1
        return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"


@dataclass(frozen=True)
class Plot:
    """Maps values to places in the figure."""

    x: Axis
    y: Axis

    def at_x(self, value: float) -> float:
        """Give the place of a horizontal value in the figure's units."""
        share = (value - self.x.low) / (self.x.high - self.x.low)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def at_y(self, value: float) -> float:
        """Give the place of a vertical value; larger values lie higher."""
        share = (value - self.y.low) / (self.y.high - self.y.low)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)

    def point(self, x: float, y: float) -> str:
        """Give a place as SVG's path syntax wants it."""
        return f"{self.at_x(x):.1f},{self.at_y(y):.1f}"

    def figure(self, marks: Sequence[str], *, title: str, description: str) -> str:
        """Put marks into a frame with axes.

        Args:
            marks: SVG elements, drawn in this order.
            title: Read out by screen readers, and shown by a pointer that rests.
            description: What the figure shows, in a sentence.

        """
        return (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" xmlns="http://www.w3.org/2000/svg">'
            f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
            f"{''.join(self._axes())}{''.join(marks)}</svg>"
        )

    def _axes(self) -> list[str]:
        bottom, middle = HEIGHT - _BOTTOM, (HEIGHT - _BOTTOM + _TOP) / 2
        parts: list[str] = []
        for tick in self.x.ticks():
            place = f"{self.at_x(tick):.1f}"
            parts.append(f'<line class="grid" x1="{place}" x2="{place}" y1="{_TOP}" y2="{bottom}"/>')
            parts.append(text(self.x.tick_text(tick), float(place), bottom + 18, anchor="middle"))
        for tick in self.y.ticks():
            place = f"{self.at_y(tick):.1f}"
            parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{place}" y2="{place}"/>')
            parts.append(text(self.y.tick_text(tick), _LEFT - 8, float(place) + 4, anchor="end"))
        parts.append(text(self.x.label, (_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 8, anchor="middle", kind="label"))
        parts.append(
            f'<text class="label" text-anchor="middle" transform="translate(15 {middle:.0f}) rotate(-90)">'
            f"{escape(self.y.label)}</text>"
        )
        return parts


class Labels:
    """Finds places for labels, in the figure's units, and remembers those it gave.

    Args:
        marks: Places ``(x, y)`` of the marks that no label may cover.

    """

    def __init__(self, marks: Sequence[tuple[float, float]]) -> None:
        centres = np.asarray(marks, dtype=float).reshape(-1, 2)
        self._taken = np.hstack([centres - _MARK_RADIUS, centres + _MARK_RADIUS])

    def beside(self, mark: tuple[float, float], words: str) -> tuple[float, float] | None:
        """Give a free place beside a mark for the words' left end, or ``None`` if there is none."""
        x, y = mark
        width = width_of(words)
        left, middle, right = x - 10 - width, x - width / 2, x + 10
        for place in ((right, y - 8), (left, y + 16), (middle, y - 12), (right, y + 16), (left, y - 8), (right, y + 5)):
            if self._is_free(_box(place, words)):
                return self.forced(place, words)
        return None

    def forced(self, place: tuple[float, float], words: str) -> tuple[float, float]:
        """Take a place for the words' left end, whatever it covers."""
        self._taken = np.vstack([self._taken, _box(place, words)])
        return place

    def _is_free(self, box: NDArray[np.float64]) -> bool:
        left, top, right, bottom = FRAME
        if box[0] < left or box[1] < top - _ROOM_OUTSIDE or box[2] > right + _ROOM_OUTSIDE or box[3] > bottom:
            return False
        meets = (self._taken[:, :2] < box[2:]).all(axis=1) & (self._taken[:, 2:] > box[:2]).all(axis=1)
        return not bool(meets.any())


def width_of(words: str) -> float:
    """Estimate the width of words in the figure's units."""
    return _LETTER_WIDTH * len(words)


def _box(place: tuple[float, float], words: str) -> NDArray[np.float64]:
    x, y = place
    return np.array([x, y - _ASCENT, x + width_of(words), y + _DESCENT])


def text(words: str, x: float, y: float, *, anchor: str = "start", kind: str = "tick") -> str:
    """Write words at a place; ``kind`` is the class that the page styles."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def circle(x: float, y: float, *, kind: str, title: str, radius: float = 5) -> str:
    """Draw a round mark whose title a resting pointer shows."""
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"><title>{escape(title)}</title></circle>'


def diamond(x: float, y: float, *, kind: str, title: str, radius: float = 8) -> str:
    """Draw a mark that differs from a round one in form, not only in colour."""
    corners = f"{x:.1f},{y - radius:.1f} {x + radius:.1f},{y:.1f} {x:.1f},{y + radius:.1f} {x - radius:.1f},{y:.1f}"
    return f'<polygon class="{kind}" points="{corners}"><title>{escape(title)}</title></polygon>'
