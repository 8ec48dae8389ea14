"""Settings as a YAML file that people read and edit."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

_WIDTH = 4096
"""Of a line, so that none is broken within a value."""


def yaml_text(
    tree: Mapping[str, Any],
    *,
    header: Sequence[str] = (),
    notes: Mapping[str, str] | None = None,
    heads: Mapping[str, str] | None = None,
) -> str:
    """Write mappings, lists and scalars as YAML.

    A mapping or list of scalars below the second level stands in one line.

    Args:
        tree: The values; every path in it is a text.
        header: Lines of comment at the top.
        notes: Comments behind keys, by dotted key.
        heads: Comments above keys, by dotted key; each line of a text is a line.

    Returns:
        The text, which ends with a line break.

    """
    root = _commented(tree, "", notes or {}, heads or {})
    writer = YAML()
    writer.width = _WIDTH
    writer.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    out.writelines(f"# {line}".rstrip() + "\n" for line in header)
    if header:
        out.write("\n")
    writer.dump(root, out)
    return out.getvalue()


def _commented(node: Any, path: str, notes: Mapping[str, str], heads: Mapping[str, str]) -> Any:
    match node:
        case Mapping():
            return _mapping(node, path, notes, heads)
        case list() | tuple():
            plain = CommentedSeq([_commented(part, path, notes, heads) for part in node])
            if all(not isinstance(part, Mapping | list | tuple) for part in node):
                plain.fa.set_flow_style()
            return plain
        case _:
            return node


def _mapping(node: Mapping[str, Any], path: str, notes: Mapping[str, str], heads: Mapping[str, str]) -> CommentedMap:
    plain = CommentedMap()
    for name, value in node.items():
        here = f"{path}.{name}" if path else name
        plain[name] = _commented(value, here, notes, heads)
        if here in heads:
            indent = 2 * here.count(".")
            plain.yaml_set_comment_before_after_key(name, before=heads[here], indent=indent)
        if here in notes:
            plain.yaml_add_eol_comment(notes[here], name)
    is_leaf = all(not isinstance(value, Mapping | list | tuple) for value in node.values())
    if path.count(".") >= 2 and is_leaf and not any(note.startswith(f"{path}.") for note in (*notes, *heads)):
        plain.fa.set_flow_style()
    return plain
