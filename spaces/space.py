"""The search space: every searched key with its domain, drawn into whole points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from graphlib import TopologicalSorter
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from spaces.adapter import AdapterConfig
from spaces.curriculum import CurriculumConfig
from spaces.domains import Choice, Domain, Scalar, Suggester
from spaces.mixture import MixtureConfig
from spaces.needs import needs_of
from spaces.optimizer import OptimizerConfig
from spaces.presets import PRESETS, PresetName

Point = Mapping[str, Scalar]
"""One value for every key, searched or not, e.g. ``{"adapter.rank": 16, …}``."""

SECTIONS: Mapping[str, type[BaseModel]] = {
    "adapter": AdapterConfig,
    "optimizer": OptimizerConfig,
    "mixture": MixtureConfig,
    "curriculum": CurriculumConfig,
}

PLAIN_SECTIONS = ("mixture", "curriculum")
"""Sections whose defaults are the plain baseline, whatever the space says."""


class Leaf(NamedTuple):
    """A key that can be searched.

    Attributes:
        field: Its field.
        owner: The model that holds the field.
        name: The field's name.
        default: Its default.
        needs: Values of other keys, one of each, without which it has no effect.

    """

    field: FieldInfo
    owner: type[BaseModel]
    name: str
    default: Scalar
    needs: Mapping[str, tuple[Scalar, ...]]


@lru_cache(maxsize=1)
def leaves() -> Mapping[str, Leaf]:
    """Give every key of a search space with its field and default, in the order of documents."""
    found: dict[str, Leaf] = {}
    for section, model in SECTIONS.items():
        found.update(_leaves_of(model(), section))
    return found


def _leaves_of(settings: BaseModel, prefix: str) -> Iterator[tuple[str, Leaf]]:
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from _leaves_of(value, f"{prefix}.{name}")
        else:
            yield f"{prefix}.{name}", Leaf(field, type(settings), name, value, needs_of(field, prefix))


def has_effect(key: str, point: Point) -> bool:
    """Tell whether a key has any effect at a point, given the values of the keys that it needs."""
    return all(point[other] in values and has_effect(other, point) for other, values in leaves()[key].needs.items())


def _ancestors(key: str) -> Iterator[str]:
    """Give the keys that decide whether a key has an effect."""
    for other in leaves()[key].needs:
        yield other
        yield from _ancestors(other)


@dataclass(frozen=True)
class Settings:
    """A point as the config objects that a trial reads."""

    adapter: AdapterConfig
    optimizer: OptimizerConfig
    mixture: MixtureConfig
    curriculum: CurriculumConfig


class SearchSpace(BaseModel):
    """Domains of the searched keys and values of the fixed ones; every other key keeps its default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dimensions: dict[str, Domain] = {}
    fixed: dict[str, Scalar] = {}

    def draw(self, suggester: Suggester) -> Point:
        """Draw one point.

        Dimensions are drawn in the order that their conditions need; one whose condition fails, or which would have no
        effect, takes its home value.

        Args:
            suggester: Usually an Optuna trial; it is asked once for each active dimension, by key.

        Returns:
            A value for every key of ``leaves()``.

        """
        point = self._rest()
        for key in self.order():
            point[key] = self.dimensions[key].draw(key, suggester) if self._is_active(key, point) else self.home(key)
        return point

    def baseline(self) -> Point:
        """Give the point of trial 0: plain cross entropy, no curriculum, home values of adapter and optimizer."""
        point = self._rest()
        for key, leaf in leaves().items():
            if key.startswith(PLAIN_SECTIONS):
                point[key] = leaf.default
            elif key in self.dimensions:
                point[key] = self.home(key)
        return point

    def preset(self, name: PresetName) -> Point:
        """Give the point of a published setting: the baseline with the setting's loss terms."""
        return {**self.baseline(), **PRESETS[name]}

    def active(self, point: Point) -> Mapping[str, Scalar]:
        """Give the searched values of a point whose conditions hold and whose domains contain them."""
        return {
            key: point[key]
            for key in self.order()
            if self._is_active(key, point) and self.dimensions[key].holds(point[key])
        }

    def used(self, point: Point) -> Mapping[str, Scalar | None]:
        """Give every value of a point, and ``None`` where it plays no part.

        That is a dimension whose condition fails, and any key that has no effect beside the others' values.
        """
        return {
            key: value
            if has_effect(key, point) and (key not in self.dimensions or self._is_active(key, point))
            else None
            for key, value in point.items()
        }

    def possible(self, key: str) -> tuple[Scalar, ...]:
        """Give the values that a key can take in a trial that the sampler draws; of a range the two ends."""
        if key not in self.dimensions:
            return (self.fixed.get(key, leaves()[key].default),)
        domain = self.dimensions[key]
        return (*domain.edges(), self.home(key)) if domain.when else domain.edges()

    def idle(self) -> tuple[str, ...]:
        """Give the searched and fixed keys to which no value of the other keys gives an effect."""
        return tuple(key for key in (*self.order(), *self.fixed) if not self._can_matter(key))

    def _can_matter(self, key: str) -> bool:
        return all(
            set(self.possible(other)) & set(values) and self._can_matter(other)
            for other, values in leaves()[key].needs.items()
        )

    def home(self, key: str) -> Scalar:
        """Give the value of a dimension for trial 0 and where its condition fails.

        It is the domain's ``baseline``, else the key's default, else the value of the domain nearest to that default.
        """
        domain, default = self.dimensions[key], leaves()[key].default
        if domain.baseline is not None:
            return domain.baseline
        if domain.when or domain.holds(default):
            return default
        if isinstance(domain, Choice) or not isinstance(default, int | float):
            return domain.edges()[0]
        return domain.nearest(default)

    def order(self) -> tuple[str, ...]:
        """Give the searched keys so that each comes after those that its condition names.

        Raises:
            graphlib.CycleError: If conditions depend on each other in a circle.

        """
        graph = {
            key: sorted({*domain.when, *_ancestors(key)} & set(self.dimensions))
            for key, domain in self.dimensions.items()
        }
        return tuple(TopologicalSorter(graph).static_order())

    def _is_active(self, key: str, point: Point) -> bool:
        return has_effect(key, point) and self.dimensions[key].is_active(point)

    def _rest(self) -> dict[str, Scalar]:
        return {key: self.fixed.get(key, leaf.default) for key, leaf in leaves().items()}


def settings_of(point: Point) -> Settings:
    """Build the config objects of a point.

    Raises:
        pydantic.ValidationError: If the values do not fit together, e.g. every loss term is off.

    """
    tree: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for key, value in point.items():
        *parents, name = key.split(".")
        node: dict[str, Any] = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[name] = value
    return Settings(
        adapter=AdapterConfig.model_validate(tree["adapter"]),
        optimizer=OptimizerConfig.model_validate(tree["optimizer"]),
        mixture=MixtureConfig.model_validate(tree["mixture"]),
        curriculum=CurriculumConfig.model_validate(tree["curriculum"]),
    )
