"""Settings as a YAML file that people read and edit."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

_WIDTH = 4096
"""Of a line, so that none is broken within a value."""

_MOST_IN_A_LINE = 5

_PLAIN = re.compile(r"[\w./~]([\w./@+= -]*[\w./])?")
"""Texts without a sign that YAML might read as its own; ruamel leaves some unquoted, such as ``?a`` in a list."""

_MARK = "¤"
_NOTE = re.compile(rf" *#{_MARK} ")
_SECTION = re.compile(r"(?<=\n)((?:#.*\n)*\w+:(?:  #.*)?\n)")
"""A top-level key whose value begins in the next line, with the comments above it."""


def yaml_text(
    tree: Mapping[str, Any],
    *,
    header: Sequence[str] = (),
    notes: Mapping[str, str] | None = None,
    heads: Mapping[str, str] | None = None,
) -> str:
    """Write mappings, lists and scalars as YAML.

    A list of scalars stands in one line, and so does a small mapping below the top level; sections stand apart.

    Args:
        tree: The values; every path in it is a text.
        header: Lines of comment at the top.
        notes: Comments behind keys, by dotted key; not within what stands in one line.
        heads: Comments above keys, by dotted key; each line of a text is a line.

    Returns:
        The text, which ends with a line break.

    """
    writer = YAML()
    writer.width = _WIDTH
    writer.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    writer.dump(_mapping(tree, "", notes or {}, heads or {}), out)
    body = _SECTION.sub(r"\n\1", "\n" + _NOTE.sub("  # ", out.getvalue())).lstrip("\n")
    top = "".join(f"# {line}".rstrip() + "\n" for line in header)
    return f"{top}\n{body}" if top else body


def _written(node: Any, path: str, notes: Mapping[str, str], heads: Mapping[str, str]) -> Any:
    match node:
        case Mapping():
            plain = _mapping(node, path, notes, heads)
            if len(node) <= _MOST_IN_A_LINE and _is_flat(node) and not any(f"{path}.{name}" in notes for name in node):
                plain.fa.set_flow_style()
            return plain
        case list() | tuple():
            items = CommentedSeq(
                [
                    _mapping(part, path, notes, heads) if isinstance(part, Mapping) else _written(part, "", {}, {})
                    for part in node
                ]
            )
            if not any(isinstance(part, Mapping) for part in node):
                items.fa.set_flow_style()
            return items
        case str() if not _PLAIN.fullmatch(node):
            return DoubleQuotedScalarString(node)
        case _:
            return node


def _mapping(node: Mapping[str, Any], path: str, notes: Mapping[str, str], heads: Mapping[str, str]) -> CommentedMap:
    plain = CommentedMap()
    for name, value in node.items():
        here = f"{path}.{name}" if path else name
        plain[name] = _written(value, here, notes, heads)
        if here in heads:
            plain.yaml_set_comment_before_after_key(name, before=heads[here], indent=2 * here.count("."))
        if here in notes:
            plain.yaml_add_eol_comment(f"#{_MARK} {notes[here]}", name)
    return plain


def _is_flat(node: Mapping[str, Any]) -> bool:
    """Tell whether a mapping holds scalars and lists of scalars alone."""
    parts = [part for value in node.values() for part in (value if isinstance(value, list | tuple) else [value])]
    return not any(isinstance(part, Mapping | list | tuple) for part in parts)
