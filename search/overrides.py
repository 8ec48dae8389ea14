"""Values that the command line puts in place of a sweep file's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from search.yaml_tree import Place, Tree, parse_yaml
from spaces import Fault
from spaces.faults import Path

_SHORTHANDS: Mapping[Path, str] = {
    ("model",): "path",
    ("objectives",): "metric",
    ("search", "sampler"): "name",
    ("search", "pruner"): "name",
}
"""Mappings that may be written as one text alone, with the key that it stands for; of a list, its items."""


def override(tree: Tree, texts: Sequence[str]) -> None:
    """Set keys of a tree, in order; what cannot be set becomes a fault of the tree.

    Args:
        tree: A sweep file's tree, a mapping at the top; it is changed.
        texts: Each ``key.path=value`` with the value in YAML. A number in the path is a position in a list.

    """
    for at, text in enumerate(texts):
        place = Place((1, at, 0), f"--set {text}")
        key, equals, value = text.partition("=")
        names = _names(key)
        if not equals or not all(names):
            fix = "Write it as key.path=value, e.g. search.trials=4."
            tree.faults.append((place, Fault((), "expected a key, an equals sign and a value", fix=fix)))
            continue
        parsed = parse_yaml(value, lambda _line, _column, place=place: place, path=names)
        try:
            if not parsed.faults:
                tree.value, path = _with(tree.value, names, (), parsed.value)
                _mark(tree, path, place)
        except _NoPosition as error:
            parsed.faults.append((place, error.fault))
        tree.faults.extend(parsed.faults)


class _NoPosition(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


def _names(key: str) -> tuple[str, ...]:
    """Split a key at its dots; below ``when``, the rest is one key."""
    parts = key.strip().split(".")
    if "when" in parts[:-1]:
        at = parts.index("when") + 1
        parts = [*parts[:at], ".".join(parts[at:])]
    return tuple(parts)


def _with(node: object, names: Sequence[str], path: Path, value: object) -> tuple[object, Path]:
    """Give a copy of a node with one value in it, and the path that the value then has."""
    if not names:
        return value, path
    name, rest = names[0], names[1:]
    if isinstance(node, list) or (node is None and name == "0"):
        items: list[object] = list(node or [])
        if not name.isdecimal() or len(name) > 6 or int(name) > len(items):
            found = f"got {name!r}; expected a position in a list of {len(items)}, counted from 0"
            raise _NoPosition(Fault((*path, name), found))
        index = int(name)
        old = items[index] if index < len(items) else None
        inner, place = _with(old, rest, (*path, index), value)
        return [*items[:index], inner, *items[index + 1 :]], place
    mapping = _mapping(node, path)
    inner, place = _with(mapping.get(name), rest, (*path, name), value)
    return {**mapping, name: inner}, place


def _mapping(node: object, path: Path) -> Mapping[str, object]:
    if isinstance(node, dict):
        return node
    key = _SHORTHANDS.get(tuple(part for part in path if isinstance(part, str)))
    return {key: node} if key is not None and isinstance(node, str) else {}


def _mark(tree: Tree, path: Path, place: Place) -> None:
    """Let an override be the place of whatever is now at a path and below, and of the levels that it made."""
    for length in range(1, len(path)):
        tree.keys.setdefault(path[:length], place)
    for places in (tree.keys, tree.values):
        for old in [old for old in places if old[: len(path)] == path]:
            del places[old]
        places[path] = place
