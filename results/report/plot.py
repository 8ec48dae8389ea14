"""The frame of a figure: scales, axes, marks and labels as SVG that follows the page's colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 600, 370
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 20, 14, 52
_TICKS = 5
FRAME = (_LEFT, _TOP, WIDTH - _RIGHT, HEIGHT - _BOTTOM)
"""Left, top, right and bottom of what the axes enclose."""

_LETTER_WIDTH = 8.2
_ASCENT, _DESCENT = 11, 3
_MARK_RADIUS = 6
_ROOM_OUTSIDE = 14
_ROW = 30


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
        return frame([*self._axes(), *marks], height=HEIGHT, title=title, description=description)

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


@dataclass(frozen=True)
class Rows:
    """A figure of one row for each of a few things, with their names on the left and one axis below.

    Attributes:
        names: Names of the rows, the top one first.
        x: The axis.
        room_right: Units kept free at the right of the axis, for words behind the marks.

    """

    names: Sequence[str]
    x: Axis
    room_right: float = 20

    @property
    def left(self) -> float:
        """Where the axis begins: behind the longest name, and at most in the middle."""
        return min(max((width_of(name) for name in self.names), default=0) + 20, WIDTH * 0.5)

    @property
    def height(self) -> float:
        """The figure's height."""
        return _TOP + _ROW * len(self.names) + _BOTTOM

    def at_x(self, value: float) -> float:
        """Give the place of a value in the figure's units; outside the axis, its nearer end."""
        share = (min(max(value, self.x.low), self.x.high) - self.x.low) / (self.x.high - self.x.low)
        return self.left + share * (WIDTH - self.room_right - self.left)

    def at_row(self, row: int) -> float:
        """Give the middle of a row."""
        return _TOP + _ROW * (row + 0.5)

    def bar(self, row: int, start: float, end: float, *, kind: str, title: str, lane: int = 0, lanes: int = 1) -> str:
        """Draw a bar from one value to another; several lanes share a row."""
        thickness = 18 / lanes
        top = self.at_row(row) - 9 + lane * thickness
        x0, x1 = sorted((self.at_x(start), self.at_x(end)))
        return (
            f'<rect class="{kind}" x="{x0:.1f}" y="{top:.1f}" width="{max(x1 - x0, 1):.1f}" '
            f'height="{thickness - (1 if lanes > 1 else 0):.1f}" rx="2"><title>{escape(title)}</title></rect>'
        )

    def interval(self, row: int, low: float, high: float, *, kind: str, title: str) -> str:
        """Draw a line from one value to another with its ends marked."""
        x0, x1, y = self.at_x(low), self.at_x(high), self.at_row(row)
        return (
            f'<path class="interval {kind}" d="M{x0:.1f},{y:.1f} L{x1:.1f},{y:.1f} M{x0:.1f},{y - 4:.1f} v8 '
            f'M{x1:.1f},{y - 4:.1f} v8"><title>{escape(title)}</title></path>'
        )

    def words(self, row: int, value: float, words: str, *, gap: float = 7) -> str:
        """Write words behind a value."""
        return text(words, self.at_x(value) + gap, self.at_row(row) + 4.5, kind="note")

    def upright(self, value: float, *, kind: str, title: str) -> str:
        """Draw a line through all rows at a value."""
        x = f"{self.at_x(value):.1f}"
        bottom = self.height - _BOTTOM
        place = f'x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom:.1f}"'
        return f'<line class="{kind}" {place}><title>{escape(title)}</title></line>'

    def figure(self, marks: Sequence[str], *, title: str, description: str) -> str:
        """Put marks into the frame; see ``Plot.figure``."""
        bottom = self.height - _BOTTOM
        parts: list[str] = []
        for tick in self.x.ticks():
            place = f"{self.at_x(tick):.1f}"
            parts.append(f'<line class="grid" x1="{place}" x2="{place}" y1="{_TOP}" y2="{bottom:.1f}"/>')
            parts.append(text(self.x.tick_text(tick), float(place), bottom + 18, anchor="middle"))
        parts.append(
            text(
                self.x.label, (self.left + WIDTH - self.room_right) / 2, self.height - 8, anchor="middle", kind="label"
            )
        )
        longest = int((self.left - 20) / _LETTER_WIDTH)
        for row, name in enumerate(self.names):
            short = name if len(name) <= longest else f"…{name[-(longest - 1) :]}"
            parts.append(text(short, self.left - 10, self.at_row(row) + 4.5, anchor="end", kind="label"))
        return frame([*parts, *marks], height=self.height, title=title, description=description)


def frame(marks: Sequence[str], *, height: float, title: str, description: str) -> str:
    """Give a whole figure.

    Args:
        marks: SVG elements, drawn in this order.
        height: The figure's height; its width is ``WIDTH``.
        title: Read out by screen readers, and shown by a pointer that rests.
        description: What the figure shows, in a sentence.

    """
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>{''.join(marks)}</svg>"
    )


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


def square(x: float, y: float, *, kind: str, title: str, radius: float = 5) -> str:
    """Draw a square mark."""
    return (
        f'<rect class="{kind}" x="{x - radius:.1f}" y="{y - radius:.1f}" width="{2 * radius}" height="{2 * radius}">'
        f"<title>{escape(title)}</title></rect>"
    )


def triangle(x: float, y: float, *, kind: str, title: str, radius: float = 6) -> str:
    """Draw a triangle that stands on its base."""
    corners = f"{x:.1f},{y - radius:.1f} {x + radius:.1f},{y + radius:.1f} {x - radius:.1f},{y + radius:.1f}"
    return f'<polygon class="{kind}" points="{corners}"><title>{escape(title)}</title></polygon>'
