"""The ``space`` section of a sweep file to a ``SearchSpace``, every fault at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from spaces.domains import Choice, Domain, FloatRange, IntRange, Scalar
from spaces.faults import Fault, Path, fault_of, scalar_fault, shown
from spaces.mixture import TERM_NAMES
from spaces.space import PLAIN_SECTIONS, SECTIONS, Leaf, SearchSpace, leaves

_DOMAIN_WORDS = ("range", "choice")
_DIMENSION_KEYS = (*_DOMAIN_WORDS, "log", "step", "when", "baseline")


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
        return SearchSpace(), [Fault((), f"got {shown(raw)}; expected the keys {', '.join(SECTIONS)}")]
    _walk(cast(Mapping[object, object], raw), dict(SECTIONS), (), parse)
    _check_conditions(parse)
    _check_needs(parse)
    space = SearchSpace(dimensions=parse.dimensions, fixed=parse.fixed)
    _check_terms(space, parse)
    try:
        space.order()
    except CycleError as error:
        circle = cast(list[str], error.args[1])
        path = parse.paths[circle[0]]
        parse.faults.append(
            Fault((*path, "when"), f"conditions form a circle: {' → '.join(circle)}", fix="Remove one of them.")
        )
        return SearchSpace(), parse.faults
    return space, parse.faults


def _walk(raw: Mapping[object, object], names: Mapping[str, type[BaseModel] | Leaf], path: Path, parse: _Parse) -> None:
    for name, value in raw.items():
        here = (*path, name if isinstance(name, int) else str(name))
        if name not in names:
            parse.faults.append(Fault(here, f"unknown key {name!r}", tuple(names), at_key=True))
            continue
        node = names[str(name)]
        if isinstance(node, Leaf):
            _leaf(node, value, here, parse)
        elif not isinstance(value, Mapping) or set(_DOMAIN_WORDS) & set(cast(Mapping[object, object], value)):
            inner = ", ".join(_names_of(node))
            parse.faults.append(Fault(here, f"got {shown(cast(object, value))}; expected the keys {inner}"))
        else:
            _walk(cast(Mapping[object, object], value), _names_of(node), here, parse)


def _names_of(model: type[BaseModel]) -> Mapping[str, type[BaseModel] | Leaf]:
    return {
        name: type(info.default)
        if isinstance(info.default, BaseModel)
        else Leaf(info, model, name, cast(Scalar, info.default), {})
        for name, info in model.model_fields.items()
    }


def _leaf(leaf: Leaf, value: object, path: Path, parse: _Parse) -> None:
    key = ".".join(str(part) for part in path)
    parse.paths[key] = path
    if not isinstance(value, Mapping):
        converted, fault = _check_value(leaf, value, path)
        if fault:
            parse.faults.append(fault)
        else:
            parse.fixed[key] = converted
        return
    raw = {str(name): part for name, part in cast(Mapping[object, object], value).items()}
    unknown = [
        Fault((*path, name), f"unknown key {name!r} of a dimension", _DIMENSION_KEYS, at_key=True)
        for name in raw
        if name not in _DIMENSION_KEYS
    ]
    domain, faults = _domain(leaf, raw, path)
    if domain is not None and not faults:
        domain, faults = _fit(leaf, domain, path)
    if domain is not None and not faults:
        parse.dimensions[key] = domain
    parse.faults.extend(unknown + faults)


def _fit(leaf: Leaf, domain: Domain, path: Path) -> tuple[Domain, list[Fault]]:
    """Check a domain's values against its field and give it values of the field's type."""
    faults: list[Fault] = []
    update: dict[str, object] = {}
    places = [("choice", at) if isinstance(domain, Choice) else ("range",) for at in range(len(domain.edges()))]
    checked = [_check_value(leaf, edge, (*path, *at)) for edge, at in zip(domain.edges(), places, strict=True)]
    faults.extend(fault for _, fault in checked if fault)
    if isinstance(domain, Choice):
        values = tuple(value for value, _ in checked)
        if not faults and len(set(values)) < len(values):
            faults.append(Fault((*path, "choice"), f"a value stands twice in {shown(values)}", fix="Remove one."))
        update["values"] = values
    if domain.baseline is not None:
        if path[0] in PLAIN_SECTIONS:
            message = "trial 0 is always plain cross entropy without a curriculum"
            return domain, [*faults, Fault((*path, "baseline"), message, fix="Remove it.")]
        update["baseline"], fault = _check_value(leaf, domain.baseline, (*path, "baseline"))
        faults.extend([fault] if fault else [])
    return domain.model_copy(update=update), faults


def _domain(leaf: Leaf, raw: Mapping[str, Any], path: Path) -> tuple[Domain | None, list[Fault]]:
    words = [word for word in _DOMAIN_WORDS if word in raw]
    if len(words) != 1:
        return None, [Fault(path, f"got {shown(raw)}; expected a value, or either range or choice")]
    settings = {name: raw[name] for name in ("log", "step", "baseline") if name in raw}
    settings["when"] = _condition(raw.get("when", {}))
    if words == ["choice"]:
        if alien := [name for name in ("log", "step") if name in raw]:
            return None, [
                Fault((*path, name), f"{name} is for a range", fix="Remove it.", at_key=True) for name in alien
            ]
        return _build(Choice, settings | {"values": _tuple(raw["choice"])}, path)
    bounds = _tuple(raw["range"])
    if len(bounds) != 2:
        return None, [Fault((*path, "range"), f"got {shown(cast(object, raw['range']))}; expected [low, high]")]
    limits = settings | {"low": bounds[0], "high": bounds[1]}
    if isinstance(leaf.default, bool | str):
        return None, [Fault((*path, "range"), f"{leaf.name} is no number", fix="Use choice: [...].", at_key=True)]
    return _build(IntRange if isinstance(leaf.default, int) else FloatRange, limits, path)


def _build(kind: type[Domain], settings: Mapping[str, Any], path: Path) -> tuple[Domain | None, list[Fault]]:
    try:
        return kind.model_validate(settings), []
    except ValidationError as error:
        faults: list[Fault] = []
        for part in error.errors():
            place = (*path, *(_place(part["loc"]) or ("choice" if kind is Choice else "range",)))
            is_scalar = part["loc"][-1:] and part["loc"][-1] in _SCALARS
            faults.append(scalar_fault(part["input"], place) if is_scalar else fault_of(part, place))
        return None, list(dict.fromkeys(faults))  # a scalar that fits no type has one error for each


_SCALARS = ("bool", "int", "float", "str")


def _place(loc: tuple[int | str, ...]) -> Path:
    match loc:
        case ("low" | "high", *_):
            return ("range",)
        case ("values", int(index), *_):
            return ("choice", index)
        case ("values", *_):
            return ("choice",)
        case ("when", str(key), *_):
            return ("when", key)
        case (str(name), *_) if name in ("log", "step", "when", "baseline"):
            return (name,)
        case _:
            return ()


def _condition(raw: object) -> object:
    """Let a condition name one value or a list."""
    if not isinstance(raw, Mapping):
        return raw
    return {str(key): _tuple(value) for key, value in cast(Mapping[object, object], raw).items()}


def _tuple(value: object) -> tuple[object, ...]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(cast(Sequence[object], value))
    return (value,)


def _check_value(leaf: Leaf, value: object, path: Path) -> tuple[Scalar, Fault | None]:
    """Check a value against its field; whole numbers pass as real ones and become real ones."""
    try:
        settings = leaf.owner.model_validate({leaf.name: value}, strict=True)
    except ValidationError as error:
        return leaf.default, fault_of(error.errors()[0], path)
    return getattr(settings, leaf.name), None


def _check_conditions(parse: _Parse) -> None:
    for key, domain in parse.dimensions.items():
        for other, values in domain.when.items():
            path = (*parse.paths[key], "when", other)
            parse.faults.extend(_condition_faults(parse, other, values, path))


def _condition_faults(parse: _Parse, other: str, values: tuple[Scalar, ...], path: Path) -> list[Fault]:
    known = leaves()
    if other not in known:
        return [Fault(path, f"unknown key {other!r} in a condition", tuple(known), at_key=True)]
    if not values:
        return [Fault(path, "got []; expected a value or a list of values")]
    faults = [fault for value in values if (fault := _check_value(known[other], value, path)[1])]
    if faults or any(_can_be(parse, other, value) for value in values):
        return faults
    wanted = " or ".join(shown(value) for value in values)
    fix = "Correct the condition, remove it, or let that key take the value."
    return [Fault(path, f"{other} can never be {wanted} here", fix=fix)]


def _check_needs(parse: _Parse) -> None:
    """Refuse a key that can have no effect because of another that the file does not name; who names it means it."""
    for key in (*parse.dimensions, *parse.fixed):
        for other, values in leaves()[key].needs.items():
            if other in parse.paths or any(_can_be(parse, other, value) for value in values):
                continue
            found, expected = shown(leaves()[other].default), " or ".join(shown(value) for value in values)
            message = f"it has no effect: {other} is {found}; expected {expected}"
            parse.faults.append(Fault(parse.paths[key], message, fix=f"Set {other}, or remove {key}.", at_key=True))
            break


def _can_be(parse: _Parse, key: str, value: Scalar) -> bool:
    if key in parse.dimensions:
        domain = parse.dimensions[key]
        return domain.holds(value) or value in (leaves()[key].default, domain.baseline)
    if key in parse.paths and key not in parse.fixed:
        return True  # its own fault is reported already
    return parse.fixed.get(key, leaves()[key].default) == value


def _check_terms(space: SearchSpace, parse: _Parse) -> None:
    """Refuse a space in which a point could leave every loss term out."""
    if any(_is_sure(space, name) for name in TERM_NAMES) or any(
        key.startswith("mixture.") and key not in parse.dimensions and key not in parse.fixed for key in parse.paths
    ):
        return
    fix = "Keep one term on with a weight above 0 in every trial."
    parse.faults.append(Fault(("mixture",), "a trial could have every loss term off or at weight 0", fix=fix))


def _is_sure(space: SearchSpace, term: str) -> bool:
    needed = ["on"] if set(space.possible("mixture.scale")) == {"calibrated"} else ["on", "weight"]
    return all(all(space.possible(f"mixture.{term}.{name}")) for name in needed)
