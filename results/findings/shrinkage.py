"""What is said of confirmation runs."""

from __future__ import annotations

from dataclasses import dataclass

from results.findings.interval import Interval


@dataclass(frozen=True)
class Confirmed:
    """One objective of a setting that was trained again.

    Attributes:
        objective: The objective's name.
        search: Its score in the search.
        confirm: Mean over the runs on the confirm split.
        confirm_interval: Over seeds and images; ``None`` if the rows are not recorded.
        test: Mean over the runs on the test split, or ``None``.
        test_interval: Over seeds and images, or ``None``.
        deviation: Standard deviation between the runs on the confirm split; ``None`` with one run.

    """

    objective: str
    search: float
    confirm: float
    confirm_interval: Interval | None
    test: float | None
    test_interval: Interval | None
    deviation: float | None

    @property
    def shrinkage(self) -> float:
        """Confirm minus search, in the objective's unit."""
        return self.confirm - self.search


@dataclass(frozen=True)
class ConfirmedTrial:
    """A searched trial that was trained again with other seeds.

    Attributes:
        trial: Its number.
        role: Its role in the search.
        runs: Completed runs with a score on the confirm split.
        failed: Runs that failed.
        objectives: One for each objective.
        on_search_front: Whether it was on the front of the search.
        on_confirm_front: Whether no confirmed trial has better means on the confirm split.
        probability: P(non-dominated) among the confirmed trials, over seeds and images; ``None`` if the rows are not
            recorded.
        on_test_front: The same with the means on the test split; ``None`` without test scores.

    """

    trial: int
    role: str
    runs: int
    failed: int
    objectives: tuple[Confirmed, ...]
    on_search_front: bool
    on_confirm_front: bool
    probability: float | None
    on_test_front: bool | None


@dataclass(frozen=True)
class Shrinkage:
    """From search to confirm to test.

    Attributes:
        trials: Confirmed trials, the most probable first.
        mean_shrinkage: Mean over the confirmed front members of confirm minus search, per objective, in its unit.
        search_hypervolume: Of the confirmed trials by their search scores; ``None`` without a reference point.
        confirm_hypervolume: Of the same trials by their confirm means.
        confirm_interval: Its interval over seeds and images; ``None`` if the rows are not recorded.
        optimistic: Trials of the confirm front that are non-dominated by their test scores among themselves: the best
            that a choice from the confirm front can turn out to be.
        pessimistic: Trials of the confirm front that dominate none of the others by their test scores: the worst.
        caveats: To be printed with it.

    """

    trials: tuple[ConfirmedTrial, ...]
    mean_shrinkage: tuple[float, ...]
    search_hypervolume: float | None
    confirm_hypervolume: float | None
    confirm_interval: Interval | None
    optimistic: tuple[int, ...]
    pessimistic: tuple[int, ...]
    caveats: tuple[str, ...]
