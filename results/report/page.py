"""A report as HTML and as Markdown: what both say, and how each is rendered."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from results.report.card import Card
from results.report.page_data import PAGE_BYTES, PageData
from results.report.palette import DARK, LIGHT, in_place, variables

STYLES = ("base", "cards", "figure", "workbench", "trials", "narrow", "print")
SCRIPTS = (
    "data",
    "theme",
    "selection",
    "front",
    "settings",
    "curves",
    "answers",
    "parallel",
    "table",
    "start",
)
"""In the order in which the page runs them."""

_MARGIN_BYTES = 20_000
_HERE = files("results.report")
_LIBRARY = files("results") / "assets" / "echarts" / "echarts.min.js"


@dataclass(frozen=True)
class Page:
    """What a report says, whatever it is written as.

    Attributes:
        kind: What sort of report it is, above the title.
        name: The title.
        lede: The most important sentence.
        facts: Short facts with their names.
        cards: The cards, the one with the front first.
        notes: What the report cannot say.
        provenance: For each sweep its name, and where its numbers come from.
        has_trials: Whether there is a trial to look at.

    """

    kind: str
    name: str
    lede: str
    facts: tuple[tuple[str, str], ...]
    cards: tuple[Card, ...]
    notes: tuple[str, ...]
    provenance: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    has_trials: bool

    @property
    def runs(self) -> list[tuple[bool, list[Card]]]:
        """The cards after the first, in runs of wide ones and of others."""
        return [(is_wide, list(run)) for is_wide, run in groupby(self.cards[1:], key=lambda card: card.is_wide)]


class _Verbatim(str):
    """Text that Markdown takes as it is."""

    __slots__ = ()


def as_html(page: Page, data: Callable[[int], PageData]) -> str:
    """Render the page; it needs no network.

    Args:
        page: What it says.
        data: Gives the data for the room in bytes that the page has left.

    """
    template = _environment(is_html=True).get_template("report.html.jinja")
    fixed = {
        "page": page,
        "has_trials": page.has_trials,
        "style": Markup(_style()),
        "library": Markup(_LIBRARY.read_text(encoding="utf-8")),
        "script": Markup("\n".join(_read("scripts", f"{name}.js") for name in SCRIPTS)),
    }
    if not page.has_trials:
        return template.render(**fixed, data="", left_out=())
    bare = template.render(**fixed, data="", left_out=())
    found = data(PAGE_BYTES - len(bare.encode()) - _MARGIN_BYTES)
    return template.render(**fixed, data=Markup(found.as_json()), left_out=found.notes)


def as_markdown(page: Page, *, figures: str) -> str:
    """Render the same as Markdown.

    Args:
        page: What it says.
        figures: Folder of the figures, relative to the Markdown file.

    """
    text = _environment(is_html=False).get_template("report.md.jinja").render(page=page, figures=_Verbatim(figures))
    return re.sub(r"\n{3,}", "\n\n", text)


def standalone(svg: str) -> str:
    """Give a figure as a file of its own: with its style in the light colours, on white."""
    style = in_place(_read("styles", "figure.css"), {**LIGHT, "card": "#ffffff"})
    style = style.replace("svg.figure", "svg").replace(
        'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif', '"DejaVu Sans", sans-serif'
    )
    width, height = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg).groups()  # type: ignore[union-attr]
    head, rest = svg.split(">", 1)
    ground = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    return f'{head} width="{width}" height="{height}"><style>{style}</style>{ground}{rest}\n'


def _style() -> str:
    return "\n".join(
        (
            f":root {{ color-scheme: light dark; {variables(LIGHT)} }}",
            f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {variables(DARK)} }} }}",
            *(_read("styles", f"{name}.css") for name in STYLES),
        )
    )


def _read(folder: str, name: str) -> str:
    return (_HERE / folder / name).read_text(encoding="utf-8")


def _environment(*, is_html: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("results.report", "templates"),
        autoescape=is_html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=None if is_html else _in_markdown,
    )
    environment.filters["figure"] = lambda svg: Markup(svg.replace("<svg ", '<svg class="figure" ', 1))
    environment.filters["breakable"] = _breakable
    environment.filters["code"] = lambda words: _Verbatim(" ".join(str(words).splitlines()))
    return environment


def _breakable(name: object) -> Markup:
    """Let a dotted name break behind its dots and underscores."""
    return Markup(re.sub(r"([._])(?=[^\W\d])", r"\1<wbr>", escape(str(name))))


def _in_markdown(value: object) -> str:
    """Write a value so that Markdown takes none of it for HTML, for its own signs, or for the end of a line or cell."""
    if isinstance(value, _Verbatim):
        return value
    line = " ".join(escape(str(value), quote=False).splitlines())
    return re.sub(r"([\\`*\[\]|])", r"\\\1", line)
