"""The ``space`` section of a sweep file to a ``SearchSpace``, every fault at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from spaces.domains import Choice, Domain, FloatRange, IntRange, Scalar
from spaces.space import SECTIONS, Leaf, SearchSpace, leaves

Path = tuple[str | int, ...]

DOMAIN_WORDS = ("range", "choice")


@dataclass(frozen=True)
class Fault:
    """Something wrong in a mapping.

    Attributes:
        path: Keys from the top to the faulty place.
        message: What was found and what was expected.
        candidates: Valid names, where an unknown one was found.

    """

    path: Path
    message: str
    candidates: tuple[str, ...] = ()


@dataclass
class _Parse:
    dimensions: dict[str, Domain] = field(default_factory=dict[str, Domain])
    fixed: dict[str, Scalar] = field(default_factory=dict[str, Scalar])
    faults: list[Fault] = field(default_factory=list[Fault])
    paths: dict[str, Path] = field(default_factory=dict[str, Path])


def parse_space(raw: object) -> tuple[SearchSpace, list[Fault]]:
    """Read the ``space`` section.

    Each key takes a value, ``{range: [low, high]}`` with ``log`` or ``step``, or ``{choice: [...]}``; the last two may
    have ``when: {other.key: value or list}`` and ``baseline``.

    Args:
        raw: Nested mappings as YAML gives them.

    Returns:
        The space, without the faulty keys, and the faults with paths below ``space``.

    """
    parse = _Parse()
    if not isinstance(raw, Mapping):
        return SearchSpace(), [Fault((), f"expected sections such as {', '.join(SECTIONS)}; got {raw!r}")]
    _walk(cast(Mapping[object, object], raw), dict(SECTIONS), (), parse)
    _check_conditions(parse)
    space = SearchSpace(dimensions=parse.dimensions, fixed=parse.fixed)
    try:
        space.order()
    except CycleError as error:
        circle = cast(list[str], error.args[1])
        path = parse.paths[circle[0]]
        parse.faults.append(Fault((*path, "when"), f"conditions form a circle: {' → '.join(circle)}"))
        return SearchSpace(), parse.faults
    return space, parse.faults


def _walk(raw: Mapping[object, object], names: Mapping[str, type[BaseModel] | Leaf], path: Path, parse: _Parse) -> None:
    for name, value in raw.items():
        here = (*path, name if isinstance(name, int) else str(name))
        if name not in names:
            parse.faults.append(Fault(here, f"unknown key {name!r}", tuple(names)))
            continue
        node = names[str(name)]
        if isinstance(node, Leaf):
            _leaf(node, value, here, parse)
        elif not isinstance(value, Mapping) or set(DOMAIN_WORDS) & set(cast(Mapping[object, object], value)):
            inner = ", ".join(_names_of(node))
            parse.faults.append(Fault(here, f"expected keys {inner}; got {_shown(cast(object, value))}"))
        else:
            _walk(cast(Mapping[object, object], value), _names_of(node), here, parse)


def _names_of(model: type[BaseModel]) -> Mapping[str, type[BaseModel] | Leaf]:
    return {
        name: type(info.default)
        if isinstance(info.default, BaseModel)
        else Leaf(info, model, name, cast(Scalar, info.default))
        for name, info in model.model_fields.items()
    }


def _leaf(leaf: Leaf, value: object, path: Path, parse: _Parse) -> None:
    key = ".".join(str(part) for part in path)
    parse.paths[key] = path
    if not isinstance(value, Mapping):
        converted, message = _check_value(leaf, value)
        if message:
            parse.faults.append(Fault(path, message))
        else:
            parse.fixed[key] = converted
        return
    raw = {str(name): part for name, part in cast(Mapping[object, object], value).items()}
    domain, faults = _domain(leaf, raw, path)
    if domain is None or faults:
        parse.faults.extend(faults)
        return
    for edge in domain.edges():
        _, message = _check_value(leaf, edge)
        if message:
            faults.append(Fault((*path, "choice" if isinstance(domain, Choice) else "range"), message))
    if domain.baseline is not None:
        faults.extend(_check_baseline(leaf, domain, path))
    parse.faults.extend(faults)
    if not faults:
        parse.dimensions[key] = domain


def _domain(leaf: Leaf, raw: Mapping[str, Any], path: Path) -> tuple[Domain | None, list[Fault]]:
    words = [word for word in DOMAIN_WORDS if word in raw]
    allowed = ("range", "choice", "log", "step", "when", "baseline")
    unknown = [
        Fault((*path, name), f"unknown key {name!r} of a dimension", allowed) for name in raw if name not in allowed
    ]
    if unknown:
        return None, unknown
    if len(words) != 1:
        return None, [Fault(path, f"a dimension has either range or choice; got {', '.join(raw) or 'nothing'}")]
    settings = {name: raw[name] for name in ("log", "step", "baseline") if name in raw}
    settings["when"] = _condition(raw.get("when", {}))
    if words == ["choice"]:
        return _build(Choice, settings | {"values": _tuple(raw["choice"])}, path)
    bounds = _tuple(raw["range"])
    if len(bounds) != 2:
        return None, [Fault((*path, "range"), f"expected [low, high]; got {_shown(cast(object, raw['range']))}")]
    limits = settings | {"low": bounds[0], "high": bounds[1]}
    if isinstance(leaf.default, bool | str):
        return None, [Fault((*path, "range"), f"{leaf.name} is no number; use choice: [...]")]
    return _build(IntRange if isinstance(leaf.default, int) else FloatRange, limits, path)


def _build(kind: type[Domain], settings: Mapping[str, Any], path: Path) -> tuple[Domain | None, list[Fault]]:
    try:
        return kind.model_validate(settings), []
    except ValidationError as error:
        return None, [Fault((*path, *_place(part["loc"])), plain_message(part)) for part in error.errors()]


def _place(loc: tuple[int | str, ...]) -> Path:
    match loc:
        case ("low" | "high", *_):
            return ("range",)
        case ("values", int(index), *_):
            return ("choice", index)
        case ("values", *_):
            return ("choice",)
        case (str(name), *_) if name in ("log", "step", "when", "baseline"):
            return (name,)
        case _:
            return ()


def _condition(raw: object) -> object:
    """Let a condition name one value or a list, and its key by nested or dotted names."""
    if not isinstance(raw, Mapping):
        return raw
    return {str(key): _tuple(value) for key, value in cast(Mapping[object, object], raw).items()}


def _tuple(value: object) -> tuple[object, ...]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(cast(Sequence[object], value))
    return (value,)


def _check_value(leaf: Leaf, value: object) -> tuple[Scalar, str | None]:
    """Check a value against its field; whole numbers pass as real ones."""
    try:
        settings = leaf.owner.model_validate({leaf.name: value}, strict=True)
    except ValidationError as error:
        return leaf.default, f"{leaf.name}: {plain_message(error.errors()[0])}"
    return getattr(settings, leaf.name), None


def _check_baseline(leaf: Leaf, domain: Domain, path: Path) -> list[Fault]:
    if path[0] not in ("adapter", "optimizer"):
        return [Fault((*path, "baseline"), "trial 0 is always plain cross entropy without a curriculum; remove it")]
    _, message = _check_value(leaf, domain.baseline)
    return [Fault((*path, "baseline"), message)] if message else []


def _check_conditions(parse: _Parse) -> None:
    known = leaves()
    for key, domain in list(parse.dimensions.items()):
        path = (*parse.paths[key], "when")
        for other, values in domain.when.items():
            if other not in known:
                parse.faults.append(Fault((*path, other), f"unknown key {other!r} in a condition", tuple(known)))
            elif not all(_check_value(known[other], value)[1] is None for value in values):
                message = next(m for v in values if (m := _check_value(known[other], v)[1]))
                parse.faults.append(Fault((*path, other), message))
            elif not any(_can_be(parse, other, value) for value in values):
                parse.faults.append(Fault((*path, other), f"{other} can never be {' or '.join(map(str, values))} here"))


def _can_be(parse: _Parse, key: str, value: Scalar) -> bool:
    if key in parse.dimensions:
        return parse.dimensions[key].holds(value) or leaves()[key].default == value
    if key in parse.paths and key not in parse.fixed:
        return True  # its own fault is reported already
    return parse.fixed.get(key, leaves()[key].default) == value


def plain_message(error: Any) -> str:
    """Say one of pydantic's errors in a sentence with the value that was found."""
    found = _shown(error["input"])
    message = str(error["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    return message if error["type"] == "value_error" else f"{message}; got {found}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
