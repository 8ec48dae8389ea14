"""What is said of pruning."""

from __future__ import annotations

from dataclasses import dataclass

from results.pruning_audit import Audit


@dataclass(frozen=True)
class RungCrossing:
    """How well the order at a rung foretells the final order, for one objective.

    Attributes:
        step: The rung.
        objective: The objective's name.
        tau: Kendall's tau-b between the scores at the rung and the final ones; ``None`` if either is constant.
        trials: Number of completed trials that reported at the rung.

    """

    step: int
    objective: str
    tau: float | None
    trials: int


@dataclass(frozen=True)
class FrontStops:
    """What multi-objective successive halving would have done to the front.

    Attributes:
        front: Number of members of the final front that reported at a rung.
        stopped: Numbers of those it would have stopped.
        replayed: Number of trials whose reports were replayed.
        left_out: Trials beyond the sample.
        rule: The rule in words.

    """

    front: int
    stopped: tuple[int, ...]
    replayed: int
    left_out: int
    rule: str

    @property
    def share(self) -> float | None:
        """Share of the front that it would have stopped, or ``None`` without a front."""
        return len(self.stopped) / self.front if self.front else None


@dataclass(frozen=True)
class PruningFindings:
    """What pruning cost and saved.

    Attributes:
        audit: Trials that the pruner was not let stop; ``rate`` is the false-stop rate, with its Wilson interval.
        pruned: Number of pruned trials.
        steps_saved: Steps that they did not take.
        hours_saved: Hours of a worker that these steps would have taken at each trial's own pace.
        gpu_hours_saved: The same times the GPUs of a trial; ``None`` if the sweep used none or does not say.
        crossing: One for each rung but the last and each objective.
        front_stops: What MO-ASHA would have stopped; ``None`` if it was not replayed.
        caveats: To be printed with it.

    """

    audit: Audit
    pruned: int
    steps_saved: int
    hours_saved: float
    gpu_hours_saved: float | None
    crossing: tuple[RungCrossing, ...]
    front_stops: FrontStops | None
    caveats: tuple[str, ...]
