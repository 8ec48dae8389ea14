"""The colours of a report: Okabe and Ito's, which stay apart for colour-blind readers, in a light and a dark form.

References:
    M. Okabe, K. Ito. Color Universal Design: how to make figures and presentations that are friendly to colorblind
    people. 2002, revised 2008. https://jfly.uni-koeln.de/color/

"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "page": "#f7f8fa",
    "card": "#ffffff",
    "sunken": "#f1f3f6",
    "ink": "#16191d",
    "soft": "#545d69",
    "faint": "#7b8592",
    "rule": "#e1e5ea",
    "strong-rule": "#c5ccd5",
    "front": "#0072b2",
    "front-tint": "#e3f0f8",
    "baseline": "#d55e00",
    "other": "#8b95a1",
    "complete": "#0072b2",
    "pruned": "#e69f00",
    "failed": "#cc79a7",
    "first": "#0072b2",
    "second": "#d55e00",
    "third": "#009e73",
    "fourth": "#cc79a7",
    "fifth": "#a67c00",
    "sixth": "#3a9bd0",
    "good": "#00734f",
    "good-tint": "#e2f4ed",
    "watch": "#8a5a00",
    "watch-tint": "#fdf1d8",
    "problem": "#b03a00",
    "problem-tint": "#fce6da",
}
"""On white; the words of the verdicts are darkened until they reach a contrast of 4.5 to 1 on their tint."""

DARK: Mapping[str, str] = {
    "page": "#0f1215",
    "card": "#171b20",
    "sunken": "#1f242b",
    "ink": "#e8ebef",
    "soft": "#a5afbb",
    "faint": "#7f8995",
    "rule": "#2a3038",
    "strong-rule": "#434c57",
    "front": "#56b4e9",
    "front-tint": "#15303f",
    "baseline": "#ff8a3d",
    "other": "#77818d",
    "complete": "#56b4e9",
    "pruned": "#f0b83e",
    "failed": "#e39fc6",
    "first": "#56b4e9",
    "second": "#ff8a3d",
    "third": "#2fc89b",
    "fourth": "#e39fc6",
    "fifth": "#f0c05a",
    "sixth": "#9ad4f5",
    "good": "#4fd3a5",
    "good-tint": "#12322a",
    "watch": "#f2c14e",
    "watch-tint": "#362b12",
    "problem": "#ff9a5c",
    "problem-tint": "#3b2316",
}


def variables(colours: Mapping[str, str]) -> str:
    """Write colours as the custom properties of a style sheet."""
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


def in_place(style: str, colours: Mapping[str, str]) -> str:
    """Write colours where a style sheet uses custom properties, for readers that know none.

    Raises:
        KeyError: If the style sheet uses a colour that is not in the palette.

    """
    for name in sorted(colours, key=len, reverse=True):
        style = style.replace(f"var(--{name})", colours[name])
    if "var(" in style:
        raise KeyError(f"no colour for {style[style.index('var(') :][:40]}")
    return style
