"""The sweep file as frozen models."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from types import UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from search.secrets import holds_secret
from spaces import METRICS, DataConfig, Fault, ModelConfig, PresetName, SearchSpace, TrainingConfig, leaves
from spaces.byte_sizes import ByteSize
from spaces.curriculum import MOST_SOURCES
from spaces.durations import Duration
from spaces.metrics import CONTROLS, DIAGNOSTICS, Direction

SamplerName = Literal["tpe", "gp", "random", "nsgaii", "qmc"]
PrunerName = Literal["none", "eod", "median_all", "moasha", "optuna"]
StockPruner = Literal[
    "median", "percentile", "successive_halving", "hyperband", "patient_median", "wilcoxon", "threshold"
]

LoggerName = Literal["tensorboard", "mlflow", "wandb"]

MOST_GP_TRIALS = 200

_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _named(key: str) -> BeforeValidator:
    """Let a model be written as its name alone."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


def _metric_direction(data: Mapping[str, Any]) -> Direction:
    return METRICS[data["metric"]].direction if "metric" in data else "maximize"


def _trial_score(metric: str, *, use: str) -> str:
    """Accept the name of a score that every trial has and can change."""
    names = tuple(name for name in METRICS if name not in CONTROLS | DIAGNOSTICS)
    if metric in CONTROLS:
        problem = f"{metric} is a control that no trial changes; it cannot be {use}"
    elif metric in DIAGNOSTICS:
        problem = f"{metric} has no value for a model that predicts no box; it cannot be {use}"
    elif metric not in METRICS:
        problem = f"got {metric!r}; expected one of {', '.join(names)}"
    else:
        return metric
    raise PydanticCustomError("unknown_name", "{problem}", {"problem": problem, "candidates": names})


class ObjectiveConfig(BaseModel):
    """One of the two scores that are traded against each other."""

    model_config = _FROZEN

    metric: str = Field(description="name of a score, such as `grounding.miou`")
    direction: Direction = Field(
        default_factory=_metric_direction, description="`maximize` or `minimize`; the score's own if absent"
    )

    @field_validator("metric")
    @classmethod
    def _check_metric(cls, metric: str) -> str:
        return _trial_score(metric, use="an objective")

    @model_validator(mode="after")
    def _check_direction(self) -> Self:
        own = METRICS[self.metric].direction
        if self.direction != own:
            better = "larger" if own == "maximize" else "smaller"
            raise ValueError(f"got {self.direction}, but a {better} {self.metric} is better; expected {own}")
        return self


class SamplerConfig(BaseModel):
    """What proposes the points of the next trials."""

    model_config = _FROZEN

    name: SamplerName = Field(
        default="tpe",
        description="an Optuna sampler: `tpe`, `gp` (up to 200 trials), `random`, `nsgaii` or `qmc`; written alone, "
        "the name",
    )
    startup_trials: int = Field(default=10, ge=0, description="trials that `tpe` and `gp` draw at random first")


class ConstraintConfig(BaseModel):
    """A score that must not fall far below that of the baseline."""

    model_config = _FROZEN

    metric: str = Field(description="name of the score, such as `text.token_f1`")
    max_drop: float = Field(ge=0, description="how much worse than the baseline's it may be")

    @field_validator("metric")
    @classmethod
    def _check_metric(cls, metric: str) -> str:
        return _trial_score(metric, use="a constraint")


class PrunerConfig(BaseModel):
    """What stops weak trials at their rungs."""

    model_config = _FROZEN

    name: PrunerName = Field(
        default="eod",
        description="`none`; `eod` stops a trial that a finished one would dominate even after the largest gain to be "
        "hoped for from there; `median_all` one below the median in every objective; `moasha` one outside the better "
        "half; `optuna` asks a stock pruner; written alone, the name",
    )
    warmup_trials: int = Field(
        default=6,
        ge=0,
        description="finished trials before anything is stopped; with `eod` at least `search.concurrency`",
    )
    gain_quantile: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="quantile of the finished trials' gains that a trial may still hope for; with `name: eod`",
    )
    audit_share: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="share of the trials that no pruner stops, to count how often it would have been wrong",
    )
    force: bool = Field(
        default=False,
        description="accept `moasha` although trials differ in schedules, curricula or weightings",
    )
    stock: StockPruner = Field(
        default="median", description="Optuna's pruner on the scalarised companion study; with `name: optuna`"
    )
    keep_share: float = Field(
        default=0.25, gt=0, lt=1, description="share of the trials that a rung keeps; with `stock: percentile`"
    )
    patience: int = Field(
        default=1, ge=0, description="rungs without progress that are forgiven; with `stock: patient_median`"
    )
    p_threshold: float = Field(
        default=0.1, gt=0, le=1, description="largest p value at which a trial is stopped; with `stock: wilcoxon`"
    )
    lower: float | None = Field(
        default=None, description="mean of the objectives below which a trial is stopped; with `stock: threshold`"
    )


def end_of(deadline: str, *, now: datetime) -> datetime:
    """Give the moment of a deadline: the next time of day, or the date and time.

    Raises:
        ValueError: If there is no such time.

    """
    try:
        if len(deadline) > len("07:30"):
            return datetime.fromisoformat(deadline)
        at = datetime.combine(now.date(), time.fromisoformat(deadline))
    except ValueError as error:
        raise ValueError(f"got {deadline!r}; expected a time such as 07:30 or 2026-03-02 07:30") from error
    return at if at > now else at + timedelta(days=1)


def checked_address(address: str) -> str:
    """Accept the address of a Ray cluster.

    Raises:
        ValueError: If it is none, or one that a sweep can't be driven from.

    """
    if address.startswith("ray://"):
        raise ValueError(
            f"got {address!r}; a sweep is not driven through a Ray client: its driver keeps the record; "
            f"run paretune on a node of the cluster, with the address auto or HOST:PORT"
        )
    if address not in ("local", "auto") and not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}", address):
        raise ValueError(f"got {address!r}; expected local, auto or HOST:PORT such as 10.0.0.5:6379")
    return address


class SearchConfig(BaseModel):
    """How the space is searched, and how long."""

    model_config = _FROZEN

    sampler: Annotated[SamplerConfig, _named("name")] = Field(
        default=SamplerConfig(), description="what proposes the points of the next trials"
    )
    pruner: Annotated[PrunerConfig, _named("name")] = Field(
        default=PrunerConfig(), description="what stops weak trials at their rungs"
    )
    constraints: tuple[ConstraintConfig, ...] = Field(
        default=(), description="scores that must not fall far below the baseline's"
    )
    trials: int = Field(default=40, ge=1, description="number of trials, the plain baseline included")
    time_limit: Duration = Field(
        default=None,
        gt=0,
        description="no trial starts after this time: `8h`, `1h30m`, `45s` or seconds; none if absent",
    )
    deadline: str | None = Field(
        default=None,
        pattern=r"^(\d{4}-\d{2}-\d{2}[T ])?\d{2}:\d{2}$",
        description="no trial starts after this local time: the next `07:30`, or `2026-03-02 07:30`; none if absent",
    )
    gpu_hours: float | None = Field(
        default=None, gt=0, description="no trial starts after so many hours of GPUs, all runs together; none if absent"
    )
    enqueue: tuple[PresetName, ...] = Field(
        default=(), description="published settings to try right after the baseline, in order"
    )
    warm_start: tuple[str, ...] = Field(
        default=(),
        description="folders of earlier sweeps, relative to the sweep file, whose trials the sampler knows from the "
        "start",
    )
    retries: int = Field(
        default=1,
        ge=0,
        description="how often a trial goes on after its worker died; a node that is lost or taken away does not count",
    )
    concurrency: int = Field(default=1, ge=1, description="trials that run at the same time")
    address: Annotated[str, AfterValidator(checked_address)] = Field(
        default="local",
        description="the Ray cluster to join: `auto` or `HOST:PORT` of its head; `local` starts a Ray of our own",
    )
    seed: int = Field(default=0, ge=0, le=2**32 - 1, description="seed of the sampler")
    storage: str | None = Field(
        default=None,
        description="URL of Optuna's storage, without a password; the SQLite file `study.db` in the sweep's folder if "
        "absent",
    )
    disk: ByteSize = Field(
        default=None,
        gt=0,
        description="the most that all checkpoints together take: `20GB`, `500MB` or bytes; no limit if absent",
    )
    checkpoints: str | None = Field(
        default=None,
        description="URI of a store for the checkpoints, such as `s3://bucket/prefix`, without keys; a folder of the "
        "sweep if absent",
    )
    loggers: tuple[LoggerName, ...] = Field(
        default=(),
        description="where trials are shown beside the record; what each needs is in [loggers.md](loggers.md)",
    )

    @field_validator("loggers")
    @classmethod
    def _check_loggers(cls, loggers: tuple[LoggerName, ...]) -> tuple[LoggerName, ...]:
        if twice := {name for name in loggers if loggers.count(name) > 1}:
            raise ValueError(f"{', '.join(sorted(twice))} stands twice; a logger logs once")
        return loggers

    @field_validator("enqueue")
    @classmethod
    def _check_enqueue(cls, enqueue: tuple[PresetName, ...]) -> tuple[PresetName, ...]:
        if twice := {name for name in enqueue if enqueue.count(name) > 1}:
            raise ValueError(f"{', '.join(sorted(twice))} stands twice; a preset is tried once")
        return enqueue

    @field_validator("warm_start")
    @classmethod
    def _check_warm_start(cls, folders: tuple[str, ...]) -> tuple[str, ...]:
        if twice := {folder for folder in folders if folders.count(folder) > 1}:
            raise ValueError(f"{', '.join(sorted(twice))} stands twice; a sweep counts once")
        return folders

    @field_validator("constraints")
    @classmethod
    def _check_constraints(cls, constraints: tuple[ConstraintConfig, ...]) -> tuple[ConstraintConfig, ...]:
        metrics = [constraint.metric for constraint in constraints]
        if twice := {metric for metric in metrics if metrics.count(metric) > 1}:
            raise ValueError(f"{', '.join(sorted(twice))} stands twice; a score has one constraint")
        return constraints

    @field_validator("deadline")
    @classmethod
    def _check_deadline(cls, deadline: str | None) -> str | None:
        if deadline is not None:
            end_of(deadline, now=datetime.now())
        return deadline

    @field_validator("storage")
    @classmethod
    def _check_storage(cls, storage: str | None) -> str | None:
        if storage is not None and holds_secret(storage):
            raise ValueError("it holds a password; remove it, and give it by PGPASSWORD or in ~/.pgpass")
        if storage is not None and not re.fullmatch(r"[a-z][a-z0-9+]*://\S+", storage):
            raise ValueError(f"got {storage!r}; expected a URL such as postgresql://user@host/name or sqlite:///my.db")
        return storage

    @field_validator("checkpoints")
    @classmethod
    def _check_checkpoints(cls, uri: str | None) -> str | None:
        if uri is not None and holds_secret(uri):
            raise ValueError("it holds keys; remove them, and give them by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        if uri is not None and not re.fullmatch(r"[a-z][a-z0-9+]*://[^\s?#]+(\?\S*)?", uri):
            raise ValueError(f"got {uri!r}; expected a URI such as s3://bucket/prefix")
        return uri


class SweepSpec(BaseModel):
    """A sweep, complete: what every trial shares, what may be drawn, and how it is searched."""

    model_config = _FROZEN

    model: Annotated[ModelConfig, _named("path")] = Field(
        default=ModelConfig(), description="the frozen base model; written alone, its path"
    )
    data: DataConfig = Field(description="where rows come from; required")
    objectives: Annotated[
        tuple[Annotated[ObjectiveConfig, _named("metric")], ...], Field(min_length=2, max_length=2)
    ] = Field(description="the two scores to trade against each other; required")
    trial: TrainingConfig = Field(default=TrainingConfig(), description="length, rungs and evaluation of each trial")
    space: SearchSpace = Field(default=SearchSpace(), description="what is searched and what is fixed")
    search: SearchConfig = Field(default=SearchConfig(), description="how the space is searched, and how long")

    @field_validator("objectives")
    @classmethod
    def _check_objectives(cls, objectives: tuple[ObjectiveConfig, ...]) -> tuple[ObjectiveConfig, ...]:
        first, second = objectives
        if first.metric == second.metric:
            raise ValueError(f"both objectives are {first.metric}; expected two different scores")
        return objectives


def key_fields(model: type[BaseModel] = SweepSpec, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Give every key of a sweep file that holds a value, with its field, in the order of documents.

    Keys are dotted and leave list positions out, e.g. ``objectives.metric``.
    """
    if model is SearchSpace:
        yield from ((f"{prefix}{key}", leaf.field) for key, leaf in leaves().items())
        return
    for name, field in model.model_fields.items():
        inner = models_in(field.annotation)
        for part in inner:
            yield from key_fields(part, f"{prefix}{name}.")
        if not inner:
            yield f"{prefix}{name}", field


def models_in(annotation: object) -> Sequence[type[BaseModel]]:
    """Give the models that a field's annotation holds, through lists, unions and annotations."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) not in (Annotated, Union, UnionType, tuple):
        return []
    return [model for part in get_args(annotation) for model in models_in(part)]


def contradictions(spec: SweepSpec, given: frozenset[str]) -> list[Fault]:
    """Find settings that are fine alone and make no sense together.

    Args:
        spec: A spec whose sections are valid.
        given: Dotted keys that the sweep file names, as opposed to defaults.

    Returns:
        One fault each, at the key to change.

    """
    trial, search, pruner = spec.trial, spec.search, spec.search.pruner
    faults: list[Fault] = []
    if set(spec.space.dimensions) <= set(spec.space.idle()) and search.trials > 1:
        message = f"nothing is searched, but search.trials is {search.trials}"
        faults.append(Fault(("space",), message, fix="Give a key a range or a choice, or set search.trials to 1."))
    if pruner.name != "none" and not trial.rungs and {"search.pruner", "search.pruner.name"} & given:
        fix = f"Set trial.rungs, e.g. [{max(trial.steps // 2, 1)}], or search.pruner to none."
        faults.append(Fault(("search", "pruner"), f"{pruner.name} stops trials at rungs, but there are none", fix=fix))
    if len(search.enqueue) >= search.trials:
        message = f"the baseline and {', '.join(search.enqueue)} do not fit into search.trials: {search.trials}"
        fix = f"Set search.trials to at least {len(search.enqueue) + 1}."
        faults.append(Fault(("search", "enqueue"), message, fix=fix))
    faults.extend(_mix_faults(spec))
    if trial.final_rows is not None and trial.final_rows < trial.rung_rows:
        message = f"got {trial.final_rows}; expected at least the {trial.rung_rows} rows of trial.rung_rows"
        faults.append(Fault(("trial", "final_rows"), message, fix="Raise it or lower trial.rung_rows."))
    if search.gpu_hours is not None and not trial.resources.gpus:
        fix = "Set trial.resources.gpus, or remove it; search.time_limit counts hours of any kind."
        message = "it has no effect: trials take no GPU"
        faults.append(Fault(("search", "gpu_hours"), message, fix=fix, at_key=True))
    if trial.pack != "auto" and trial.pack > search.concurrency:
        message = f"got {trial.pack}, but no more than {search.concurrency} trials run at a time"
        fix = f"Set search.concurrency to {trial.pack} or more, or lower trial.pack."
        faults.append(Fault(("trial", "pack"), message, fix=fix))
    faults.extend(_pruner_faults(spec, given))
    if search.sampler.name == "gp" and search.trials > MOST_GP_TRIALS:
        message = f"gp takes minutes to propose a point after {MOST_GP_TRIALS} trials; search.trials is {search.trials}"
        fix = f"Use tpe, or set search.trials to at most {MOST_GP_TRIALS}."
        faults.append(Fault(("search", "sampler"), message, fix=fix))
    return faults


def _pruner_faults(spec: SweepSpec, given: frozenset[str]) -> list[Fault]:
    """Find keys that the pruner does not read or lacks, and a pruner that the space makes unfair."""
    pruner, place = spec.search.pruner, ("search", "pruner")
    faults: list[Fault] = []
    for key, needed, is_met in (
        ("gain_quantile", "name: eod", pruner.name == "eod"),
        ("force", "name: moasha", pruner.name == "moasha"),
        ("stock", "name: optuna", pruner.name == "optuna"),
        ("keep_share", "stock: percentile", pruner.stock == "percentile"),
        ("patience", "stock: patient_median", pruner.stock == "patient_median"),
        ("p_threshold", "stock: wilcoxon", pruner.stock == "wilcoxon"),
        ("lower", "stock: threshold", pruner.stock == "threshold"),
    ):
        if f"search.pruner.{key}" in given and not is_met:
            message, fix = f"it has no effect without `{needed}`", "Remove it or change the pruner."
            faults.append(Fault((*place, key), message, fix=fix, at_key=True))
    if pruner.name == "optuna" and pruner.stock == "threshold" and pruner.lower is None:
        message = "threshold stops what is below search.pruner.lower, which is not set"
        faults.append(Fault((*place, "stock"), message, fix="Set it to a mean of the objectives."))
    if pruner.name == "moasha" and not pruner.force and (moving := _moving_keys(spec.space)):
        message = f"moasha ranks trials at equal steps, but {moving[0]} lets them learn the tasks at different times"
        fix = "Use eod, or set search.pruner.force to true."
        faults.append(Fault(place, message, fix=fix))
    return faults


def _moving_keys(space: SearchSpace) -> list[str]:
    """Give the searched keys by which trials have had different shares of a task's signal at the same step."""
    ends, idle = (".shape", ".octaves", ".at", ".middle"), space.idle()
    starts = ("curriculum.", "mixture.weighting.")
    return [key for key in space.dimensions if key not in idle and (key.startswith(starts) or key.endswith(ends))]


def _mix_faults(spec: SweepSpec) -> list[Fault]:
    """Find a mix of sources that there are not."""
    sources, space = len(spec.data.sources), spec.space
    keys = {*space.dimensions, *space.fixed}
    faults: list[Fault] = []
    for value in sorted({"temperature", "sources"} & set(map(str, space.possible("curriculum.mix")))):
        if sources == 1:
            message = f"mix: {value} shares rows out among sources, but data.sources has one"
            faults.append(Fault(("space", "curriculum", "mix"), message, fix="Add a source or choose another mix."))
        elif value == "sources" and sources > MOST_SOURCES:
            message = f"mix: sources is for at most {MOST_SOURCES} sources; data.sources has {sources}"
            faults.append(Fault(("space", "curriculum", "mix"), message, fix="Use mix: temperature."))
    others = {"task", "temperature", "sources"} & set(map(str, space.possible("curriculum.mix")))
    if others and any(source.share for source in spec.data.sources):
        message = f"mix: {min(others)} overrules the share of each of data.sources"
        faults.append(Fault(("space", "curriculum", "mix"), message, fix="Remove the shares, or set mix: data."))
    for place in range(sources, MOST_SOURCES):
        if f"curriculum.stick_{place}" in keys:
            message = f"it has no effect: with {sources} data.sources, {sources - 1} of the sticks are used"
            faults.append(Fault(("space", "curriculum", f"stick_{place}"), message, fix="Remove it.", at_key=True))
    return faults
