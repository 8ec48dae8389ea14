"""What the settings of a base tell without its weights: sizes of adapters, and roughly how long steps may take."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from huggingface_hub import try_to_load_from_cache

from search.planning.costs import Costs
from search.spec import SweepSpec
from spaces.adapter import TargetGroup

_MOMENTS = 2
"""Of AdamW, beside the adapter itself."""
_FLOAT_BYTES = 4
"""Adapters and their moments are float32."""
_SETTINGS = "config.json"
_GIGA, _TERA = 1e9, 1e12


@dataclass(frozen=True)
class BaseShape:
    """The language model of a base, as its ``config.json`` says.

    Attributes:
        layers: Of the decoder.
        hidden: Width between layers.
        inner: Width inside the MLPs.
        queries: Width of all heads' queries together.
        keys: Width of all heads' keys together, and of their values.
        vocabulary: Tokens.

    """

    layers: int
    hidden: int
    inner: int
    queries: int
    keys: int
    vocabulary: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Read it from the settings of a Qwen2-VL, 2.5-VL or 3-VL, whose language model may stand in ``text_config``.

        Raises:
            KeyError: If a size is missing.

        """
        text = config.get("text_config", config)
        heads = text["num_attention_heads"]
        head = text.get("head_dim") or text["hidden_size"] // heads
        return cls(
            layers=text["num_hidden_layers"],
            hidden=text["hidden_size"],
            inner=text["intermediate_size"],
            queries=heads * head,
            keys=text.get("num_key_value_heads", heads) * head,
            vocabulary=text["vocab_size"],
        )

    def linears(self, targets: TargetGroup) -> tuple[tuple[int, int], ...]:
        """Give input and output width of each linear layer of one decoder layer that gets an adapter."""
        attention = (
            (self.hidden, self.queries),
            (self.hidden, self.keys),
            (self.hidden, self.keys),
            (self.queries, self.hidden),
        )
        mlp = ((self.hidden, self.inner), (self.hidden, self.inner), (self.inner, self.hidden))
        return {"attention": attention, "mlp": mlp, "all": attention + mlp}[targets]

    def adapter_parameters(self, *, rank: int, targets: TargetGroup, last_layers: int = 0) -> int:
        """Count a LoRA adapter's numbers: two factors for each layer, ``rank`` by each width (Hu et al. 2021)."""
        widths = sum(into + out for into, out in self.linears(targets))
        return rank * widths * (last_layers or self.layers)

    @property
    def parameters(self) -> int:
        """Numbers that every token passes through: of all linear layers and of the output layer."""
        return self.layers * sum(into * out for into, out in self.linears("all")) + self.hidden * self.vocabulary


def base_config(path: str) -> Path | None:
    """Find the ``config.json`` of a base on this machine; ``None`` if it has none.

    Args:
        path: ``tiny``, a folder, or a name on the hub, of which only the local cache is looked at.

    """
    if path == "tiny":
        package = importlib.util.find_spec("trainable")
        folders = list(package.submodule_search_locations or []) if package else []
        return Path(folders[0]) / "model" / "assets" / "tiny" / _SETTINGS if folders else None
    if Path(path).is_absolute():
        return Path(path) / _SETTINGS if (Path(path) / _SETTINGS).is_file() else None
    try:
        found = try_to_load_from_cache(path, _SETTINGS)
    except ValueError:  # no possible name of a repository
        return None
    return Path(found) if isinstance(found, str) else None


def base_shape(path: str) -> BaseShape | None:
    """Read the sizes of a base; ``None`` if this machine does not hold its settings, or they are of another kind."""
    file = base_config(path)
    try:
        return BaseShape.from_config(json.loads(file.read_text(encoding="utf-8"))) if file else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def base_identity(path: str) -> str:
    """Name a base without reading its weights: its settings, and names and sizes of its weights' files."""
    file = base_config(path)
    if file is None:
        return path
    digest = hashlib.sha256(file.read_bytes())
    for weights in sorted(file.parent.glob("*.safetensors*")):
        digest.update(f"{weights.name} {weights.stat().st_size}".encode())
    return digest.hexdigest()


def adapter_bytes(spec: SweepSpec, shape: BaseShape) -> tuple[int, int]:
    """Give the bytes of the smallest and the largest adapter that a space can draw, in float32."""
    space = spec.space
    counts = [
        shape.adapter_parameters(rank=int(rank), targets=targets, last_layers=int(last))  # pyright: ignore[reportArgumentType]
        for rank in space.possible("adapter.rank")
        for targets in space.possible("adapter.targets")
        for last in space.possible("adapter.last_layers")
    ]
    return _FLOAT_BYTES * min(counts), _FLOAT_BYTES * max(counts)


def checkpoint_bytes(adapter: float) -> float:
    """Give the bytes of a checkpoint: the adapter and both moments of its optimizer."""
    return adapter * (1 + _MOMENTS)


@dataclass(frozen=True)
class Rates:
    """What a device is assumed to manage: the stated range of a rough plan.

    Attributes:
        flops: Floating point operations a second that training gets, of one core or one GPU.
        token_s: Seconds that a layer takes for one more token of a batch of answers.
        worker_s: Seconds to start a worker and load the base.
        before_s: Seconds from the command to the first trial.

    """

    flops: float
    token_s: float
    worker_s: float
    before_s: float


SLOW_CORE, FAST_CORE = Rates(3 * _GIGA, 5e-3, 60, 40), Rates(100 * _GIGA, 2e-4, 4, 8)
SLOW_GPU, FAST_GPU = Rates(10 * _TERA, 2e-3, 180, 60), Rates(400 * _TERA, 1e-4, 10, 8)
_FEWEST_TOKENS, _TEXT_TOKENS, _PIXELS_PER_TOKEN = 60, 150, 28 * 28
_SHORT_ANSWER = 12
_PASSES = 4
"""Forward is two operations a number and token; backward through frozen layers two more."""


def rough_costs(
    spec: SweepSpec, shape: BaseShape, *, tokens: float | None, final_rows: int | None
) -> tuple[Costs, Costs]:
    """Give costs as low and as high as they may be, from assumed rates; no measurement of this machine is in them.

    Args:
        spec: The sweep.
        shape: Of the base.
        tokens: Mean tokens of a row; a wide range is assumed if absent.
        final_rows: Rows that the last report scores; as many as at a rung if not known.

    """
    resources = spec.trial.resources
    slow, fast = (SLOW_GPU, FAST_GPU) if resources.gpus else (SLOW_CORE, FAST_CORE)
    devices = min(resources.gpus, 1.0) if resources.gpus else resources.cpus
    images = (spec.model.max_pixels or _PIXELS_PER_TOKEN * 4096) / _PIXELS_PER_TOKEN
    most = min(images + _TEXT_TOKENS, spec.data.max_length)
    short, long = (tokens, tokens) if tokens else (min(_FEWEST_TOKENS, most), most)
    return (
        _costs(spec, shape, fast, tokens=short, devices=devices, answer=_SHORT_ANSWER, final_rows=final_rows),
        _costs(
            spec, shape, slow, tokens=long, devices=devices, answer=spec.trial.max_new_tokens, final_rows=final_rows
        ),
    )


def _costs(
    spec: SweepSpec,
    shape: BaseShape,
    rates: Rates,
    *,
    tokens: float,
    devices: float,
    answer: int,
    final_rows: int | None,
) -> Costs:
    trial, flops = spec.trial, rates.flops * devices
    step_s = trial.batch * trial.accumulation * tokens * _PASSES * shape.parameters / flops

    def report_s(rows: int) -> float:
        batches = -(-rows // trial.eval_batch)
        return rows * tokens * _PASSES * shape.parameters / flops + batches * answer * shape.layers * rates.token_s

    return Costs(
        origin="assumed",
        trials=0,
        step_s=step_s,
        rung_s=report_s(trial.rung_rows),
        final_s=report_s(final_rows or trial.rung_rows),
        trial_s=0.5,
        worker_s=rates.worker_s,
        before_s=rates.before_s,
        after_s=2.0,
    )
