"""Is P(non-dominated) what it says? Sweeps with a known truth, P(non-dominated) of each trial, and who was right.

Goal: of the trials that get P >= .9, at least 90 % are on the noise-free front. Beside it stand the plain bootstrap
over rows, which is the baseline, and the plain bootstrap over rows and seeds. The last column says how often the 95 %
interval of the final hypervolume holds the noise-free hypervolume, and how often the plain percentile interval does.

Usage: python benchmarks/calibration.py [--repetitions 200] [--scenario NAME ...]
"""

from __future__ import annotations

import argparse
import functools
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from made_truth import KnownSweep, known_sweep
from numpy.typing import NDArray

from results import pareto
from results.attainment import hypervolume_band
from results.bootstrap import SEARCH, RowTable, cluster_weights, ratio_replicates
from results.fronts import fronts_of
from results.membership import membership_of
from results.replicates import Replicates, replicate
from results.seeds import seed_noise
from results.summary import Summary, summarise

SURE = 0.9
GOAL = 0.9
_MAXIMISE = ("maximize", "maximize")
_RULES = ("rows", "rows, seeds", "ours")


@dataclass(frozen=True)
class Scenario:
    """A kind of sweep.

    Attributes:
        trials: Number of complete trials.
        rows: Rows of each of the two objectives.
        seed_deviation: Standard deviation between seeds.
        crowded: Whether most trials are near the front, as a good sampler leaves them; else they are spread.
        confirmed: Whether four settings were trained three times more.
        is_binary: Whether rows are right or wrong, as for an accuracy.
        shared: Share of the rows' variance that all trials have in common; with more, fewer rows tell trials apart.

    """

    trials: int
    rows: int
    seed_deviation: float
    crowded: bool = False
    confirmed: bool = True
    is_binary: bool = False
    shared: float = 0.6

    def truth(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw noise-free scores below a quarter of an ellipse, the first in the middle of the field."""
        angle = rng.uniform(0, np.pi / 2, self.trials)
        short = rng.exponential(0.06, self.trials) if self.crowded else 0.5 * rng.beta(1, 3, self.trials)
        reach = np.maximum(1 - short, 0.0)
        points = np.column_stack([0.3 + 0.4 * reach * np.cos(angle), 0.4 + 0.3 * reach * np.sin(angle)])
        points[0] = (0.45, 0.5)
        return points


SCENARIOS: Mapping[str, Scenario] = {
    "spread, 30 trials, 200 rows, no seed noise": Scenario(30, 200, 0.0),
    "spread, 30 trials, 200 rows, seeds .01": Scenario(30, 200, 0.01),
    "spread, 30 trials, 1000 rows, seeds .01": Scenario(30, 1000, 0.01),
    "spread, 100 trials, 200 rows, seeds .01": Scenario(100, 200, 0.01),
    "spread, 100 trials, 500 rows, seeds .005": Scenario(100, 500, 0.005),
    "spread, 30 trials, 200 rows, seeds .01, right or wrong": Scenario(30, 200, 0.01, is_binary=True),
    "same, and most rows alike for all trials": Scenario(30, 200, 0.0, is_binary=True, shared=0.95),
    "crowded, 30 trials, 500 rows, seeds .005": Scenario(30, 500, 0.005, crowded=True),
    "crowded, 60 trials, 1000 rows, seeds .005": Scenario(60, 1000, 0.005, crowded=True),
    "spread, 30 trials, 1000 rows, seeds .01, unknown": Scenario(30, 1000, 0.01, confirmed=False),
}


@dataclass
class Tally:
    """What became of the trials that a rule was sure of, and of hypervolume intervals."""

    sure: int = 0
    right: int = 0
    near_sure: int = 0
    near_right: int = 0

    def add(self, probability: NDArray[np.float64], is_right: NDArray[np.bool_]) -> None:
        """Count one sweep."""
        sure = probability >= SURE
        near = (probability >= 0.8) & ~sure
        self.sure += int(sure.sum())
        self.right += int((sure & is_right).sum())
        self.near_sure += int(near.sum())
        self.near_right += int((near & is_right).sum())

    def merge(self, other: Tally) -> None:
        """Add another tally."""
        self.sure += other.sure
        self.right += other.right
        self.near_sure += other.near_sure
        self.near_right += other.near_right

    def text(self, repetitions: int) -> str:
        """Give the share that was right, and how many per sweep."""
        if not self.sure:
            return "   none      "
        return f"{self.right / self.sure:5.1%} of {self.sure / repetitions:4.2f}"


def one_sweep(scenario: Scenario, *, seed: int) -> tuple[dict[str, tuple[NDArray, NDArray]], dict[str, bool]]:
    """Give each rule's probabilities with who is on the noise-free front, and which intervals hold."""
    rng = np.random.default_rng([seed, 8])
    sweep = known_sweep(
        scenario.truth(rng),
        rows=scenario.rows,
        rng=rng,
        seed_deviation=scenario.seed_deviation,
        confirmed=dict.fromkeys(range(1, 5), 3) if scenario.confirmed else None,
        is_binary=scenario.is_binary,
        shared=scenario.shared,
    )
    summary = summarise(sweep.tables)
    rows = {split: RowTable(sweep.predictions, sweep.items, split=split) for split in ("search", "confirm")}
    noise = seed_noise(sweep.tables.trials, sweep.tables.confirmations, summary.objectives, rows=rows)
    draws = replicate(summary, rows["search"], seeds=noise, rng=np.random.default_rng(seed))
    if isinstance(draws, str):
        raise RuntimeError(draws)
    plain = _plain(rows["search"], draws, rng=np.random.default_rng(seed))
    seeds = 0.0 if noise is None else noise.deviation
    with_seeds = plain + seeds * np.random.default_rng(seed).standard_normal(plain.shape)
    is_right = pareto.nondominated(sweep.truth, _MAXIMISE)[draws.trials]
    membership = membership_of(draws)
    ours = np.array([member.probability for member in sorted(membership.members, key=lambda member: member.trial)])
    shares = (fronts_of(plain).mean(axis=0), fronts_of(with_seeds).mean(axis=0), ours)
    found = {rule: (share, is_right) for rule, share in zip(_RULES, shares, strict=True)}
    return found, _holds(sweep, summary, draws, with_seeds)


def _plain(table: RowTable, draws: Replicates, *, rng: np.random.Generator) -> NDArray[np.float64]:
    """Give the replicates of the plain bootstrap: whole images drawn with replacement."""
    weights = cluster_weights(rng, table.clusters)
    places = table.places([(int(trial), SEARCH) for trial in draws.trials])
    columns = [table.sums(objective.name) for objective in draws.objectives]
    return np.stack([ratio_replicates(weights, one.of(places)) for one in columns if one is not None], axis=2)


def _holds(sweep: KnownSweep, summary: Summary, draws: Replicates, plain: NDArray[np.float64]) -> dict[str, bool]:
    reference = summary.reference or ()
    truth = pareto.hypervolume(sweep.truth, _MAXIMISE, reference=reference)
    band = hypervolume_band(summary, draws, moments=1).final
    areas = [pareto.hypervolume(one, _MAXIMISE, reference=reference) for one in plain[:200]]
    low, high = np.quantile(areas, [0.025, 0.975])
    return {"percentile": bool(low <= truth <= high), "ours": band.low <= truth <= band.high}


def measure(scenario: Scenario, *, repetitions: int) -> tuple[dict[str, Tally], dict[str, float]]:
    """Run one scenario."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    holds: dict[str, list[bool]] = defaultdict(list)
    for seed in range(repetitions):
        found, held = one_sweep(scenario, seed=seed)
        for rule, (probability, is_right) in found.items():
            tallies[rule].add(probability, is_right)
        for rule, holds_truth in held.items():
            holds[rule].append(holds_truth)
    return tallies, {rule: float(np.mean(times)) for rule, times in holds.items()}


def main() -> None:
    """Print the table."""
    say = functools.partial(print, flush=True)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--scenario", action="append", choices=sorted(SCENARIOS), help="may be given several times")
    given = parser.parse_args()
    say(f"{given.repetitions} sweeps of each kind; right ones among those with P >= {SURE:g}, and how many per sweep")
    say(f"{'':54} {'rows':>13} {'rows, seeds':>13} {'ours':>13} | {'P .8-.9':>7} | HV interval: percentile, ours")
    total: dict[str, Tally] = defaultdict(Tally)
    chosen = {name: SCENARIOS[name] for name in given.scenario or SCENARIOS}
    for name, scenario in chosen.items():
        started = time.process_time()
        tallies, holds = measure(scenario, repetitions=given.repetitions)
        if scenario.confirmed:
            for rule, tally in tallies.items():
                total[rule].merge(tally)
        near = tallies["ours"]
        near_text = f"{near.near_right / near.near_sure:7.0%}" if near.near_sure else "   none"
        cells = " ".join(f"{tallies[rule].text(given.repetitions):>13}" for rule in _RULES)
        intervals = f"{holds['percentile']:.0%}, {holds['ours']:.0%}"
        say(f"{name:54} {cells} | {near_text} | {intervals} ({time.process_time() - started:.0f} s)")
    sweeps = given.repetitions * sum(scenario.confirmed for scenario in chosen.values())
    cells = " ".join(f"{total[rule].text(max(sweeps, 1)):>13}" for rule in _RULES)
    say(f"{'all with known seed noise':54} {cells}")
    ours = total["ours"]
    reached = ours.right >= GOAL * ours.sure
    say(f"goal: {GOAL:.0%} of those with P >= {SURE:g}: {'reached' if reached else 'MISSED'}")


if __name__ == "__main__":
    main()
