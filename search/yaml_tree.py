"""YAML text to plain values, with the line and column of every key and value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from spaces.faults import Fault, Path

_MAX_NODES = 100_000


class Place(NamedTuple):
    """Where a fault stands.

    Attributes:
        order: What faults are sorted by.
        text: ``FILE:LINE:COLUMN``, or the override that holds it.

    """

    order: tuple[int, int, int]
    text: str


@dataclass
class Tree:
    """Plain values with the places that they were read from."""

    value: object = None
    keys: dict[Path, Place] = field(default_factory=dict[Path, Place])
    values: dict[Path, Place] = field(default_factory=dict[Path, Place])
    faults: list[tuple[Place, Fault]] = field(default_factory=list[tuple[Place, Fault]])


def parse_yaml(text: str, place_at: Callable[[int, int], Place], *, path: Path = ()) -> Tree:
    """Read one YAML 1.2 document of mappings, lists and scalars.

    Args:
        text: The document.
        place_at: Gives the place of a line and a column, both counted from 1.
        path: Where the document's value belongs.

    Returns:
        The value, ``None`` for an empty document, with its places and whatever could not be read.

    """
    reading = _Reading(place_at)
    try:
        root = YAML(typ="safe", pure=True).compose(text)
        if root is not None:
            reading.tree.value = reading.plain(root, path)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = place_at(mark.line + 1, mark.column + 1) if mark else place_at(1, 1)
        reading.tree.faults.append((place, _syntax_fault(str(error.problem or error.context), path)))
    except YAMLError as error:
        line, column = position_of(text, getattr(error, "position", 0))
        message = f"a character that YAML forbids: {text[getattr(error, 'position', 0) :][:1]!r}"
        reading.tree.faults.append((place_at(line, column), Fault(path, message, fix="Remove it.")))
    except RecursionError:
        reading.tree.faults.append((place_at(1, 1), Fault(path, "nested too deeply to be read")))
    except (ValueError, IndexError, AttributeError, TypeError) as error:  # slips of the parser on broken text
        reading.tree.faults.append((place_at(1, 1), Fault(path, f"no YAML: {error}")))
    return reading.tree


def position_of(text: str, offset: int) -> tuple[int, int]:
    """Give the line and column, both counted from 1, of a character."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def _syntax_fault(problem: str, path: Path) -> Fault:
    if "'\\t'" in problem or "tab" in problem:
        return Fault(path, "a tab where YAML allows none", fix="Use spaces.")
    if "another document" in problem:
        return Fault(path, "a second document; expected one", fix="Remove the line of dashes.")
    return Fault(path, f"no YAML: {problem}")


def _is_text(value: str) -> bool:
    """Tell whether no escape made a null character or half of a pair, which neither paths nor JSON can hold."""
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value)


class _Reading:
    def __init__(self, place_at: Callable[[int, int], Place]) -> None:
        self.tree = Tree()
        self._place_at = place_at
        self._open: list[Node] = []
        self._n_nodes = 0
        self._constructor = YAML(typ="safe", pure=True).constructor

    def plain(self, node: Node, path: Path) -> object:
        self.tree.values[path] = self._place(node)
        self._n_nodes += 1
        if any(node is outer for outer in self._open):
            return self._refuse(node, path, "an alias stands inside what it names")
        if self._n_nodes > _MAX_NODES:
            if self._n_nodes == _MAX_NODES + 1:
                self._refuse(node, path, f"more than {_MAX_NODES} values")
            return None
        self._open.append(node)
        try:
            return self._plain(node, path)
        finally:
            self._open.pop()

    def _plain(self, node: Node, path: Path) -> object:
        match node, str(node.tag).removeprefix("tag:yaml.org,2002:"):
            case MappingNode(), "map":
                return self._mapping(node, path)
            case SequenceNode(), "seq":
                return [self.plain(part, (*path, at)) for at, part in enumerate(node.value)]
            case ScalarNode(), "null":
                return None
            case ScalarNode(), "str" | "timestamp":
                return node.value if _is_text(node.value) else self._refuse(node, path, "a character that is no text")
            case ScalarNode(), "bool" | "int" | "float" as kind:
                try:
                    return getattr(self._constructor, f"construct_yaml_{kind}")(node)
                except (ValueError, KeyError, IndexError):  # looks like a number and is none, e.g. a lone underscore
                    return node.value
            case _, tag:
                return self._refuse(node, path, f"the tag {tag} has no meaning here")

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, object]:
        plain: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or not _is_text(key.value):
                self._refuse(key, path, "a key that is no name")
                continue
            here = (*path, str(key.value))
            if key.value in plain:
                self._refuse(
                    key, here, f"the key {key.value!r} stands twice; it is first at {self.tree.keys[here].text}"
                )
                continue
            self.tree.keys[here] = self._place(key)
            plain[str(key.value)] = self.plain(value, here)
        return plain

    def _refuse(self, node: Node, path: Path, message: str) -> None:
        self.tree.faults.append((self._place(node), Fault(path, message, fix="Remove it.")))

    def _place(self, node: Node) -> Place:
        return self._place_at(node.start_mark.line + 1, node.start_mark.column + 1)
