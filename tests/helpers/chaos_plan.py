"""Which kills a run delivers, in which order, and to what sweep."""

from __future__ import annotations

import random
from typing import Literal

Kind = Literal["write", "instant", "worker", "both"]
"""The driver at a durable write, the driver at a random instant, a worker, or driver and worker at one instant."""

REPORT_STEPS = (2, 4, 6)
SWEEP = """\
model: tiny
data:
  sources:
    - {source: shapes, domain: shifted, scenes: 8}
  search_share: 0.4
objectives: [text.perplexity, text.token_f1]
trial: {steps: 6, rungs: [2, 4], batch: 2, rung_rows: 3, final_rows: 4, eval_batch: 8, max_new_tokens: 40}
space:
  adapter: {rank: {choice: [2, 4]}, dropout: 0.1}
  optimizer: {learning_rate: {range: [1e-4, 1e-1], log: true}}
  mixture:
    box_ce: {weight: {range: [0.2, 5], log: true}}
    ntl_was: {on: {choice: [true, false]}}
    weighting: {name: {choice: [static, famo, rlw]}}
  curriculum:
    pacing: {choice: [none, linear, self_paced]}
search:
  trials: 8
  concurrency: 1
  retries: 1000
  sampler: {name: tpe, startup_trials: 3}
  pruner: {name: median_all, warmup_trials: 2, audit_share: 0}
"""


def plan_of(kills: int, *, seed: int) -> list[Kind]:
    """Give kinds of kills in a random order: of 450, 100 and 100 of the driver, 200 of workers, 50 of both.

    Args:
        kills: In all; eight are 2 and 2 of the driver, 3 of workers and 1 of both.
        seed: Of the order.

    """
    both = -(-kills // 9)
    worker = (kills - both) // 2
    driver = kills - both - worker
    plan: list[Kind] = ["both"] * both + ["worker"] * worker
    plan += ["write"] * (driver - driver // 2) + ["instant"] * (driver // 2)
    random.Random(seed).shuffle(plan)
    return plan
