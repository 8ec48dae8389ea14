"""What a first sweep file is made of: the data, the base, and one training's settings to search around."""

from __future__ import annotations

from dataclasses import dataclass, field

from spaces import ModelConfig, SourceConfig
from spaces.adapter import TargetGroup
from spaces.optimizer import Decay


@dataclass(frozen=True)
class Training:
    """A training that a user has, or the usual one; its values are those of trial 0.

    Attributes:
        batch: Rows of one forward pass.
        accumulation: Forward passes of one optimizer step.
        epochs: Passes over the rows, where the training is measured in them.
        steps: Optimizer steps, where it is measured in those.
        eval_batch: Rows generated together.
        seed: Of adapter, data order and dropout.
        rank: Of the adapter.
        alpha_ratio: LoRA's alpha divided by the rank.
        dropout: On the adapter's input.
        targets: Linear layers that get an adapter.
        rank_stabilised: Whether the adapter is scaled by the root of its rank.
        learning_rate: The highest.
        warmup_share: Share of the steps until that rate is reached.
        warmup_steps: The same in steps; it counts if it is above 0.
        decay: Curve from there.
        weight_decay: Decoupled.
        beta2: Decay of AdamW's second moment.
        clip_norm: Largest norm of the gradient.

    """

    batch: int = 8
    accumulation: int = 2
    epochs: float = 1.0
    steps: int | None = None
    eval_batch: int = 16
    seed: int = 0
    rank: int = 16
    alpha_ratio: float = 2.0
    dropout: float = 0.0
    targets: TargetGroup = "all"
    rank_stabilised: bool = False
    learning_rate: float = 2.0e-4
    warmup_share: float = 0.05
    warmup_steps: int = 0
    decay: Decay = "cosine"
    weight_decay: float = 0.0
    beta2: float = 0.999
    clip_norm: float = 1.0


@dataclass(frozen=True)
class Start:
    """What was found before any data were read.

    Attributes:
        told_by: What says so: a file, for comments.
        model: The base.
        sources: Data sets, with absolute paths.
        max_length: Longest row in tokens.
        search_share: Share of the images whose rows score the trials; ``None`` for the usual.
        training: Whose values are those of trial 0.
        notes: Behind keys of the sweep file, by dotted key.
        images_fix: What to do if images are not found.
        not_carried: Lines for keys that play no part, with the reason.

    """

    told_by: str
    model: ModelConfig
    sources: tuple[SourceConfig, ...]
    images_fix: str
    max_length: int = 4096
    search_share: float | None = None
    training: Training = Training()
    notes: dict[str, str] = field(default_factory=dict)
    not_carried: tuple[str, ...] = ()
