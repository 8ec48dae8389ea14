"""A sweep file to a ``SweepSpec``, with every fault at its line and column."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from search.errors import SpecError
from search.fault_text import fault_text
from search.overrides import override
from search.secrets import masked
from search.spec import SweepSpec, contradictions
from search.yaml_tree import Place, Tree, parse_yaml, position_of
from spaces import Fault, parse_space
from spaces.faults import Path as KeyPath
from spaces.faults import fault_of, shown

_PATH_KEYS = (
    "annotations",
    "folder",
    "image_folder",
    "images",
    "instances",
    "labels",
    "names",
    "path",
    "questions",
    "refs",
)


def load_spec(path: Path, *, overrides: Sequence[str] = ()) -> SweepSpec:
    """Read a sweep file.

    Args:
        path: The YAML file; relative paths in it and in the overrides start from its folder.
        overrides: Texts such as ``search.trials=4``, each of which sets one key of the file.

    Returns:
        The spec, complete and with absolute paths.

    Raises:
        SpecError: If the file or an override is wrong; it names every fault.

    """
    tree = _read(path)
    if isinstance(tree.value, dict):
        override(tree, overrides)
    spec, faults = _check(tree)
    if spec is None or faults:
        ordered = sorted(faults, key=lambda located: located[0].order)
        raise SpecError(str(path), [masked(fault_text(place.text, fault)) for place, fault in ordered])
    return _with_absolute_paths(spec, Path(os.path.abspath(path)).parent)  # noqa: PTH100 keep links as they are


def _read(path: Path) -> Tree:
    """Read a sweep file's YAML; a top that is no mapping is a fault of the tree."""
    tree = read_tree(path)
    if not tree.faults and not isinstance(tree.value, dict):
        found = "an empty file" if tree.value is None else shown(tree.value)
        message = f"got {found}; expected the keys {', '.join(SweepSpec.model_fields)}"
        tree.faults.append((Place((0, 1, 1), f"{path}:1:1"), Fault((), message)))
    return tree


def read_tree(path: Path) -> Tree:
    """Read a file's YAML with the place of every value.

    Raises:
        SpecError: If the file can't be read, or is no UTF-8.

    """
    try:
        data = path.read_bytes()
    except OSError as error:
        is_folder = os.path.isdir(path)  # noqa: PTH112 unlike Path.is_dir, it takes any path
        reason = "is a folder; expected a YAML file" if is_folder else (error.strerror or str(error)).lower()
        raise SpecError(str(path), [f"{path}: {reason}"]) from error
    except ValueError as error:  # a null character
        raise SpecError(str(path), [f"{str(path)!r}: {error}"]) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", errors="replace")
        line, column = position_of(before, len(before))
        message = f"{path}:{line}:{column}: byte 0x{data[error.start]:02x} is not UTF-8. Save the file as UTF-8."
        raise SpecError(str(path), [message]) from error
    return parse_yaml(text, lambda line, column: Place((0, line, column), f"{path}:{line}:{column}"))


def _check(tree: Tree) -> tuple[SweepSpec | None, list[tuple[Place, Fault]]]:
    if not isinstance(tree.value, dict):
        return None, tree.faults
    sections: dict[str, object] = {str(name): part for name, part in tree.value.items() if part is not None}
    space, space_faults = parse_space(sections.pop("space", {}))
    faults = [replace(fault, path=("space", *fault.path)) for fault in space_faults]
    spec: SweepSpec | None = None
    try:
        shared = SweepSpec.model_validate_json(json.dumps(sections), strict=True)
        spec = shared.model_copy(update={"space": space})
    except ValidationError as error:
        faults.extend(_fault(part, sections) for part in _own_errors(error))
    if spec is not None and not faults:
        faults.extend(contradictions(spec, frozenset(_dotted(sections))))
    unread = [fault.path for _, fault in tree.faults if fault.path]
    fresh = [fault for fault in faults if not any(fault.path[: len(path)] == path for path in unread)]
    return spec, [*tree.faults, *((_place(tree, fault), fault) for fault in fresh)]


def _own_errors(error: ValidationError) -> list[ErrorDetails]:
    """Leave out the errors that only follow from others: a list that is short because its items are wrong."""
    errors = error.errors()
    inner = {part["loc"][:length] for part in errors for length in range(len(part["loc"]))}
    return [
        part
        for part in errors
        if part["type"] != "default_factory_not_called" and not (part["type"] == "too_short" and part["loc"] in inner)
    ]


def _fault(error: ErrorDetails, sections: Mapping[str, object]) -> Fault:
    """Turn pydantic's error into a fault whose path names what stands in the file."""
    node: object = sections
    path: KeyPath = ()
    for part in error["loc"]:
        inner = _inside(node, part)
        if inner is not _ABSENT:
            node, path = inner, (*path, part)
        # any other part is pydantic's own, such as the member of a union, or a key that is missing
    match error["type"]:
        case "missing":
            return fault_of(error, (*path, error["loc"][-1]))
        case "union_tag_not_found":
            expected = str(error.get("ctx", {}).get("discriminator", "'source'")).strip("'")
            return Fault((*path, expected), "missing; expected the kind of data set", fix="Add it.", at_key=True)
        case "union_tag_invalid":
            return fault_of(error, (*path, "source"))
        case _:
            return fault_of(error, path)


_ABSENT = object()


def _inside(node: object, part: str | int) -> object:
    if isinstance(node, dict):
        return node.get(part, _ABSENT)
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return node[part]
    return _ABSENT


def _place(tree: Tree, fault: Fault) -> Place:
    """Find the place of a fault, else of the nearest level above it that stands in the file or an override."""
    node: object = tree.value
    place = tree.values[()]
    for at, part in enumerate(fault.path, start=1):
        path = fault.path[:at]
        node = _inside(node, part)
        is_scalar = at == len(fault.path) and not fault.at_key and not isinstance(node, dict) and node is not None
        first, second = (tree.values, tree.keys) if is_scalar else (tree.keys, tree.values)
        place = first.get(path) or second.get(path) or place
    return place


def _dotted(node: object, prefix: str = "") -> Iterator[str]:
    """Give the dotted keys that a file names."""
    if isinstance(node, dict):
        for name, part in node.items():
            yield f"{prefix}{name}"
            yield from _dotted(part, f"{prefix}{name}.")


def _with_absolute_paths(spec: SweepSpec, folder: Path) -> SweepSpec:
    sources = tuple(
        source.model_copy(
            update={
                key: _absolute(getattr(source, key), folder)
                for key in _PATH_KEYS
                if key in type(source).model_fields and getattr(source, key) is not None
            }
        )
        for source in spec.data.sources
    )
    update: dict[str, object] = {"data": spec.data.model_copy(update={"sources": sources})}
    base, cache = spec.model.path, spec.model.cache
    model: dict[str, object] = {}
    if base != "tiny" and (base.startswith(("./", "../", "~/")) or os.path.isdir(folder / base)):  # noqa: PTH112
        model["path"] = _absolute(base, folder)
    if cache.folder is not None:
        model["cache"] = cache.model_copy(update={"folder": _absolute(cache.folder, folder)})
    update["model"] = spec.model.model_copy(update=model)
    search: dict[str, object] = {"warm_start": tuple(_absolute(each, folder) for each in spec.search.warm_start)}
    storage = spec.search.storage
    if storage is not None and (relative := re.fullmatch(r"(sqlite(?:\+\w+)?:///)([^/:?].*)", storage)):
        search["storage"] = relative[1] + _absolute(relative[2], folder)
    update["search"] = spec.search.model_copy(update=search)
    return spec.model_copy(update=update)


def _absolute(path: str, folder: Path) -> str:
    """Keep links as they are, and a ``~`` of nobody."""
    return os.path.abspath(folder / os.path.expanduser(path))  # noqa: PTH100, PTH111
