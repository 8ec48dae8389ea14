"""A sweep survives SIGKILL at any instant: of its driver, of its workers, and of both at once.

A run is eight kills, and 450 with PARETUNE_NIGHTLY; PARETUNE_KILLS sets another number, PARETUNE_KILL_SEED the seed.
Every kill is logged; with the seed of a failed run the same kills come in the same order, at the same writes.
"""

import logging
import os
import sys
from collections import Counter

import pytest
from chaos_harness import Chaos
from chaos_plan import plan_of
from chaos_reader import reading

KILLS = int(os.environ.get("PARETUNE_KILLS") or (450 if os.environ.get("PARETUNE_NIGHTLY") else 8))
SEED = int(os.environ.get("PARETUNE_KILL_SEED") or 7)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(600 + 120 * KILLS)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds and watches processes through /proc and pidfds")
def test_sweeps_whose_processes_are_killed_equal_one_that_was_left_alone(tmp_path, caplog):
    for name in ("chaos_harness", "chaos_reader"):
        caplog.set_level(logging.INFO, logger=name)
    with reading(tmp_path) as readings:
        tally = Chaos(tmp_path, kills=KILLS, seed=SEED).run()
    assert tally.kills == Counter(plan_of(KILLS, seed=SEED))
    assert tally.sweeps > 0
    assert not tally.work.faults
    assert not readings.faults
    assert readings.grown > 0
