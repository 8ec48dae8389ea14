"""The page on plans states what is assumed where nothing was measured: it must be what the code assumes."""

import re
from pathlib import Path

from search.plan import _SLOW_START, ASSUMED_SAVINGS
from search.planning import base, measure
from search.planning.costs import STUDY_BYTES
from search.planning.items import ASSUMED_DISCORDANCE, ASSUMED_SPREAD

PAGE = " ".join((Path(__file__).parents[2] / "docs" / "plan.md").read_text().split())


def row(name):
    fast, slow = re.search(rf"\| {re.escape(name)} \| ([^|]+) \| ([^|]+) \|", PAGE).groups()
    return fast, slow


def test_assumed_rates_are_those_of_the_code():
    assert tuple(map(float, row("operations a second of a core, in training"))) == (
        base.FAST_CORE.flops,
        base.SLOW_CORE.flops,
    )
    assert tuple(map(float, row("operations a second of a GPU, in training"))) == (
        base.FAST_GPU.flops,
        base.SLOW_GPU.flops,
    )
    on = "seconds a layer for one more token of a batch of answers, on a"
    assert tuple(map(float, row(f"{on} core"))) == (base.FAST_CORE.token_s, base.SLOW_CORE.token_s)
    assert tuple(map(float, row(f"{on} GPU"))) == (base.FAST_GPU.token_s, base.SLOW_GPU.token_s)
    assert row("length of an answer, in tokens")[0] == str(base._SHORT_ANSWER)
    assert row("tokens of a row, where no check has counted them")[0] == str(base._FEWEST_TOKENS)


def test_assumed_savings_are_those_of_the_code():
    assert ASSUMED_SAVINGS == {"none": 0.0, "eod": 0.3, "median_all": 0.3, "optuna": 0.3, "moasha": 0.6}
    assert "`eod`, `median_all` and `optuna` are assumed to save 30 % of the steps" in PAGE
    assert _SLOW_START == 10 and "after the warm-up and ten more, `moasha` 60 %" in PAGE


def test_assumed_spreads_and_limits_are_those_of_the_code():
    assert f"s is assumed: {ASSUMED_SPREAD} for scores between 0 and 1, the root of {ASSUMED_DISCORDANCE}" in PAGE
    assert f"up to {measure._MOST_STEPS} steps" in PAGE
    assert f"at most {measure._MOST_ROWS:,} rows" in PAGE
    assert f"{STUDY_BYTES // 1000} kB" in PAGE
