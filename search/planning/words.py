"""A plan in lines for people."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime

from results.words import duration_text
from search.amounts import in_words
from search.plan import Forecast
from search.planning.items import LEVEL, POWER, Needed, is_ratio
from search.planning.whole import Plan


def plan_lines(plan: Plan, *, now: datetime) -> list[str]:
    """Say what is foreseen, and from what."""
    return [*_trials(plan), *_time(plan, now), *_hours(plan), *_disk(plan), *_rows(plan), *_notes(plan)]


def _trials(plan: Plan) -> Iterator[str]:
    trial, search = plan.spec.trial, plan.spec.search
    at_a_time = f"{plan.workers} at a time"
    if plan.workers < search.concurrency:
        at_a_time += f", since {plan.known.gpus} GPUs hold no more (search.concurrency is {search.concurrency})"
    reports = ", ".join(map(str, trial.report_steps))
    yield f"trials: {search.trials}, {at_a_time}, of up to {trial.steps} steps; reports at {reports}"


def _time(plan: Plan, now: datetime) -> Iterator[str]:
    low, expected, high = plan.low, plan.expected, plan.high
    if low is None or high is None:
        yield (
            f"time: not known: this machine does not hold the settings of {plan.spec.model.path}, and nothing was "
            "measured; run paretune plan with --measure"
        )
        return
    span = f"{duration_text(low.seconds)} to {duration_text(high.seconds)}"
    if expected is None:
        yield (
            f"time: nothing was measured here. A rough range from the base's size and assumed rates: "
            f"{span}; run paretune plan with --measure to know it"
        )
    else:
        yield (
            f"time: about {duration_text(expected.seconds)} ({span}); started now, it ends at about "
            f"{_clock(expected.end, now)}"
        )
        yield from _origin(plan)
    yield from _limits(expected or high, now)
    if plan.spec.search.pruner.name != "none" and plan.spec.trial.rungs:
        how = "so it did in finished sweeps" if plan.is_saving_known else "assumed; no finished sweep says so"
        yield f"pruning: {plan.spec.search.pruner.name} saves {plan.saved_share:.0%} of all steps ({how})"


def _origin(plan: Plan) -> Iterator[str]:
    known = plan.known.costs
    if known is None:
        return
    costs = known.costs
    rung = f", a report at a rung {costs.rung_s:.3g} s" if costs.rung_s else ""
    share = "" if costs.rung_s or not plan.spec.trial.rungs else " and its share of a report at a rung"
    yield (
        f"  a step{share} {costs.step_s:.3g} s{rung}, the last report "
        f"{costs.final_s:.3g} s, beside them {costs.trial_s:.3g} s a trial, {costs.worker_s:.3g} s a worker, "
        f"{costs.before_s + costs.after_s:.3g} s the command"
    )
    differing = f", with another {' and '.join(known.other)}" if known.other else ""
    yield f"  {known.words}{differing}, in the mean of {costs.trials} trials"
    cores = os.cpu_count() or 1
    if costs.load is not None and costs.was_busy(cores):
        yield (
            f"  other programs wanted {costs.load:.1f} of {cores} cores when it was measured; measure again when the "
            "machine is as it will be"
        )


def _limits(found: Forecast, now: datetime) -> Iterator[str]:
    if found.limit:
        yield (
            f"limit: {found.limit} ends it when {found.ended} trials have ended; {found.left} are left for "
            "paretune resume"
        )


def _hours(plan: Plan) -> Iterator[str]:
    low, high = plan.low, plan.high
    if low is None or high is None:
        return
    has_gpus = bool(plan.spec.trial.resources.gpus)

    def shown(found: Forecast) -> str:
        return f"{found.gpu_hours if has_gpus else found.core_hours:.3g}"

    between = f"{shown(low)} to {shown(high)}"
    amount = f"{shown(plan.expected)} ({between})" if plan.expected else between
    yield f"GPU-hours: {amount}" if has_gpus else f"GPU-hours: 0, trials take no GPU; core-hours: {amount}"


def _disk(plan: Plan) -> Iterator[str]:
    low, high = plan.disk
    yield f"disk: {_range(low.folder, high.folder)} in the sweep's folder when it has ended:"
    yield f"  record {in_words(low.record)}, study {in_words(low.study)}, checkpoints {_checkpoints(plan)}"
    if low.features is None:
        yield "  kept for all trials on each node: not known; paretune check finds it out"
    else:
        yield f"  kept for all trials on each node: up to {in_words(low.features)}"
    if low.adapters is not None and high.adapters is not None:
        yield f"  adapters of the front alone: {_range(low.adapters, high.adapters)}"


def _checkpoints(plan: Plan) -> str:
    low, high = plan.disk
    if not plan.known.shape and not (plan.known.costs and plan.known.costs.costs.checkpoint_bytes):
        return "not known, since the base's settings are not here"
    return f"{_range(low.checkpoints, high.checkpoints)} ({_range(low.running, high.running)} more while it runs)"


def _range(low: float, high: float) -> str:
    return f"about {in_words(low)}" if low == high else f"{in_words(low)} to {in_words(high)}"


def _rows(plan: Plan) -> Iterator[str]:
    yield f"rows to see a difference of 1 point ({LEVEL:.0%} level, {POWER:.0%} power, the same rows for both trials):"
    for one in plan.needed:
        yield f"  {one.metric}: {_needed(one)}"


def _needed(one: Needed) -> str:
    if one.spread is None or one.rows is None:
        return "not known before a sweep of these settings has recorded predictions"
    point = " (1 % of it)" if is_ratio(one.metric) else ""
    source = f"measured on {one.pairs} pairs of trials" if one.pairs else "assumed"
    text = f"{one.rows:,} rows{point}, from a spread of {one.spread:.3g} a row ({source})"
    if one.present is None:
        return f"{text}; how many there are, paretune check finds out"
    if one.visible is None:
        return f"{text}; there are none"
    verdict = "enough" if one.present >= one.rows else f"they show {100 * one.visible:.2g} points"
    return f"{text}; there are {one.present:,}: {verdict}"


def _notes(plan: Plan) -> Iterator[str]:
    if plan.known.counts is not None and not plan.known.counts.is_exact:
        yield "rows are estimated from the number of scenes; paretune check counts them"
    if plan.spec.trial.pack == "auto":
        yield "trial.pack: auto is decided when the sweep starts; here each trial counts as one of its own"


def _clock(end: datetime, now: datetime) -> str:
    return f"{end:%H:%M}" if end.date() == now.date() else f"{end:%Y-%m-%d %H:%M}"
