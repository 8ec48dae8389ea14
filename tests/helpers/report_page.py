"""Writes the report of a made sweep and takes its page apart."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from made_sweep import MadeTrial, make_large_sweep

from results import report, write_report

LIBRARY = (Path(report.__file__).parents[1] / "assets/echarts/echarts.min.js").read_text(encoding="utf-8")


def page(folder: Path, trials: Sequence[MadeTrial], **settings: Any) -> str:
    """Give the page of a made sweep without the charting library."""
    return without_library(write_report(make_large_sweep(folder, trials, **settings)).html)


def without_library(path: Path) -> str:
    """Give a page without the charting library, whose code holds tags and addresses."""
    return path.read_text(encoding="utf-8").replace(LIBRARY, "")


def data_of(text: str) -> dict[str, Any]:
    """Give the data that the page's scripts read."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])


def figure_of(text: str, card: str) -> ElementTree.Element:
    """Give the figure of a card."""
    found = re.search(rf'<article[^>]*id="{card}">.*?(<svg[^>]*role="img".*?</svg>)', text, re.DOTALL)
    assert found, card
    return ElementTree.fromstring(found[1])


def marks(figure: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    """Give the elements of a figure that bear a class."""
    return [node for node in figure.iter() if kind in (node.get("class") or "").split()]


def title_of(mark: ElementTree.Element) -> str:
    """Give what a resting pointer shows."""
    return mark[0].text or ""
