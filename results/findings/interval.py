"""An interval of replicates, and what the replicates rest on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """The middle 95 % of a statistic's replicates.

    Attributes:
        low: The 2.5 % quantile.
        middle: The median.
        high: The 97.5 % quantile.

    """

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Evidence:
    """What the replicates rest on.

    Attributes:
        rows: Rows of the search split that any objective counts.
        clusters: Images that these rows show, plus rows without an image: what is weighted anew in each replicate.
        replicates: Number of replicates.
        contenders: Trials that are near enough to the front to be on it in some replicate, front members included.
        left_out: Completed trials that were not resampled, because they are farther from the front.
        seed_deviation: Standard deviation between seeds of one setting, per objective, in the objective's unit (in
            nats per token for perplexity); ``None`` where no setting was run with several seeds: then every
            probability and interval is about other rows and not about other seeds.
        seed_settings: Number of settings with several runs that the deviation comes from.
        notes: Caveats to print with every number that rests on the replicates.

    """

    rows: int
    clusters: int
    replicates: int
    contenders: tuple[int, ...]
    left_out: int
    seed_deviation: tuple[float, ...] | None
    seed_settings: int
    notes: tuple[str, ...]
