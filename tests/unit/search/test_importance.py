from dataclasses import replace

import numpy as np
import pytest
from made_search import made_spec
from made_truth import known_sweep

from results.findings import Importance
from search.importance import WEIGHTS, importance_of
from search.spec import SweepSpec

RATE, DECAY, RANK = "optimizer.learning_rate", "optimizer.weight_decay", "adapter.rank"
GATE, GATED = "mixture.giou.on", "mixture.giou.weight"
SPACE = {
    "dimensions": {
        RATE: {"low": 1e-6, "high": 1e-2, "log": True},
        DECAY: {"low": 0.0, "high": 0.2},
        RANK: {"values": (8, 16, 32)},
        GATE: {"values": (True, False)},
        GATED: {"low": 0.01, "high": 0.3, "log": True, "when": {GATE: (True,)}},
    }
}
SPEC = SweepSpec.model_validate({**made_spec().model_dump(), "space": SPACE})


def planted(trials, *, seed=0, rate=(1.0, 0.0), decay=(0.0, 1.0), gated=(0.0, 0.0)):
    """Make a sweep whose objectives are sums of uniform effects of its parameters."""
    rng = np.random.default_rng(seed)
    unit = rng.uniform(size=(trials, 4))
    is_on = rng.uniform(size=trials) < 0.5
    truth = 0.1 * (
        unit[:, [0]] * rate + unit[:, [1]] * decay + np.where(is_on, unit[:, 3], 0.0)[:, None] * np.array(gated)
    )
    tables = known_sweep(truth, rows=2, rng=rng, spread=0.0).tables
    frame = tables.trials.assign(
        role="search",
        **{
            f"param.{RATE}": 1e-6 * 1e4 ** unit[:, 0],
            f"param.{DECAY}": 0.2 * unit[:, 1],
            f"param.{RANK}": np.array([8, 16, 32])[(3 * unit[:, 2]).astype(int)],
            f"param.{GATE}": is_on,
            f"param.{GATED}": np.where(is_on, 0.01 * 30 ** unit[:, 3], np.nan),
        },
    )
    return replace(tables, trials=frame)


def importance(tables) -> Importance:
    found = importance_of(tables, SPEC)
    assert isinstance(found, Importance)
    return found


def shares_of(found, objective):
    return {one.name: one.shares[objective] for one in found.parameters}


def test_the_planted_effect_of_each_objective_ranks_first_and_shares_sum_to_one():
    found = importance(planted(150))
    for objective, planted_one in enumerate((RATE, DECAY)):
        shares = shares_of(found, objective)
        assert max(shares, key=shares.__getitem__) == planted_one
        assert sum(shares.values()) == pytest.approx(1.0)
    assert {one.name for one in found.parameters[:2]} == {RATE, DECAY}
    assert not found.is_anecdote


def test_lines_over_the_trade_off_have_the_analytic_shares():
    found = importance(planted(400))
    lines = {one.name: one.by_weight for one in found.parameters}
    assert found.weights == WEIGHTS
    for weight, share in zip(WEIGHTS, lines[RATE], strict=True):
        # the variance of w x + (1 - w) y is w^2 / 12 + (1 - w)^2 / 12
        assert share == pytest.approx(weight**2 / (weight**2 + (1 - weight) ** 2), abs=0.12)
    assert max(lines[RANK]) < 0.05


def test_a_parameter_drawn_in_its_logarithm_counts_in_it():
    even = importance(planted(300, rate=(1.0, 0.0), decay=(1.0, 0.0)))
    middle = {one.name: one.by_weight[-1] for one in even.parameters if one.by_weight}
    assert middle[RATE] == pytest.approx(0.5, abs=0.12)
    assert middle[DECAY] == pytest.approx(0.5, abs=0.12)


def test_a_parameter_that_some_trials_did_not_draw_has_no_line_and_is_named():
    found = importance(planted(200, rate=(0.2, 0.2), decay=(0.0, 0.0), gated=(1.0, 1.0)))
    by_name = {one.name: one for one in found.parameters}
    assert by_name[GATED].by_weight == ()
    assert by_name[GATE].by_weight != ()
    assert any(GATED in caveat for caveat in found.caveats)


def test_pruned_trials_and_those_that_the_sampler_did_not_draw_are_left_out():
    tables = planted(60)
    frame = tables.trials.copy()
    frame.loc[:9, "state"] = "PRUNED"
    frame.loc[10:14, "role"] = "preset"
    found = importance(replace(tables, trials=frame))
    assert found.trials == 45
    assert any("pruned" in caveat for caveat in found.caveats)


def test_few_trials_are_called_an_anecdote():
    found = importance(planted(12))
    assert found.is_anecdote
    assert any("anecdote" in caveat for caveat in found.caveats)


def test_too_few_trials_have_no_importance():
    assert "only 3" in str(importance_of(planted(3), SPEC))


def test_equal_settings_have_no_importance():
    tables = planted(30)
    first = tables.trials.iloc[0]
    same = tables.trials.assign(**{name: first[name] for name in tables.trials if name.startswith("param.")})
    assert "no parameter differs" in str(importance_of(replace(tables, trials=same), SPEC))


def test_a_large_sweep_is_sampled_and_says_so():
    found = importance(planted(1300))
    assert (found.trials, found.left_out) == (1000, 300)
    assert any("1,000 of 1,300" in caveat for caveat in found.caveats)
    assert found == importance(planted(1300))
