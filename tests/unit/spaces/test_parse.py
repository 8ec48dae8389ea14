from __future__ import annotations

import pytest

from spaces import Choice, FloatRange, IntRange, parse_space


def faults_of(raw: object) -> list[tuple[str, str]]:
    return [(".".join(map(str, fault.path)), fault.message) for fault in parse_space(raw)[1]]


def test_a_range_takes_the_type_of_its_key() -> None:
    space, faults = parse_space({"adapter": {"rank": {"range": [4, 64], "log": True}, "dropout": {"range": [0, 1e-1]}}})

    assert faults == []
    assert space.dimensions == {
        "adapter.rank": IntRange(low=4, high=64, log=True),
        "adapter.dropout": FloatRange(low=0.0, high=0.1),
    }


def test_whole_numbers_in_a_choice_of_real_ones_become_real() -> None:
    space, _ = parse_space({"adapter": {"alpha_ratio": {"choice": [1, 2]}}})

    assert space.dimensions["adapter.alpha_ratio"] == Choice(values=(1.0, 2.0))
    assert all(isinstance(value, float) for value in space.dimensions["adapter.alpha_ratio"].edges())


def test_a_condition_takes_one_value_or_a_list() -> None:
    space, _ = parse_space(
        {"adapter": {"rank": {"choice": [4, 8], "when": {"optimizer.decay": "cosine"}}, "targets": {"choice": ["all"]}}}
    )

    assert space.dimensions["adapter.rank"].when == {"optimizer.decay": ("cosine",)}


@pytest.mark.parametrize(
    ("raw", "path", "message"),
    [
        ([], "", "got []; expected the keys adapter, optimizer, mixture, curriculum"),
        ({"adaptor": {}}, "adaptor", "unknown key 'adaptor'"),
        ({"adapter": 3}, "adapter", "got 3; expected the keys rank, alpha_ratio, dropout, targets, rank_stabilised"),
        ({"adapter": {"rank": "8"}}, "adapter.rank", "got '8'; expected a whole number"),
        ({"adapter": {"rank": True}}, "adapter.rank", "got true; expected a whole number"),
        ({"adapter": {"rank": 0}}, "adapter.rank", "got 0; expected at least 1"),
        ({"adapter": {"rank": None}}, "adapter.rank", "got nothing; expected a whole number"),
        (
            {"adapter": {"rank": {"rang": [1, 2]}}},
            "adapter.rank",
            "got the keys rang; expected a value, or either range or choice",
        ),
        ({"adapter": {"rank": {"range": [1, 2, 3]}}}, "adapter.rank.range", "got [1, 2, 3]; expected [low, high]"),
        ({"adapter": {"rank": {"range": [0, 2]}}}, "adapter.rank.range", "got 0; expected at least 1"),
        ({"adapter": {"rank": {"range": [1.5, 2]}}}, "adapter.rank.range", "got 1.5; expected a whole number"),
        ({"adapter": {"targets": {"range": [1, 2]}}}, "adapter.targets.range", "targets is no number"),
        ({"adapter": {"rank": {"choice": [4, [5]]}}}, "adapter.rank.choice.1", "got [5]; expected a number, a text"),
        ({"adapter": {"rank": {"choice": [4, 4]}}}, "adapter.rank.choice", "a value stands twice in [4, 4]"),
        ({"adapter": {"alpha_ratio": {"choice": [1, 1.0]}}}, "adapter.alpha_ratio.choice", "a value stands twice"),
        ({"adapter": {"rank": {"choice": [4], "log": True}}}, "adapter.rank.log", "log is for a range"),
        ({"adapter": {"rank": {"choice": [4], "when": 3}}}, "adapter.rank.when", "got 3; expected a mapping of keys"),
        (
            {"adapter": {"rank": {"choice": [4], "when": {"decay": 3}}}},
            "adapter.rank.when.decay",
            "unknown key 'decay'",
        ),
        (
            {"adapter": {"rank": {"choice": [4], "when": {"optimizer.decay": "root"}}}},
            "adapter.rank.when.optimizer.decay",
            "got 'root'; expected 'constant', 'linear' or 'cosine'",
        ),
        (
            {"adapter": {"rank": {"choice": [4], "when": {"optimizer.decay": "linear"}}}},
            "adapter.rank.when.optimizer.decay",
            "optimizer.decay can never be 'linear' here",
        ),
        ({"adapter": {"rank": {"choice": [4], "when": {"adapter.rank": 16}}}}, "adapter.rank.when", "form a circle"),
        ({"adapter": {"rank": {"range": [4, 8], "baseline": 0}}}, "adapter.rank.baseline", "got 0; expected at least"),
        (
            {"curriculum": {"pacing": {"choice": ["root"], "baseline": "root"}}},
            "curriculum.pacing.baseline",
            "trial 0 is always plain cross entropy",
        ),
        (
            {"mixture": {"text_ce": {"on": False}, "box_ce": {"weight": {"range": [0, 1]}}}},
            "mixture",
            "a trial could have every loss term off",
        ),
        (
            {"mixture": {"ntl_was": {"weight": {"range": [0.1, 1]}}}},
            "mixture.ntl_was.weight",
            "it has no effect: mixture.ntl_was.on is false; expected true",
        ),
        (
            {"mixture": {"ntl_was": {"weight": 0.3}}},
            "mixture.ntl_was.weight",
            "it has no effect: mixture.ntl_was.on is false; expected true",
        ),
        (
            {"mixture": {"box_ce": {"log10": {"range": [-1, 1]}}}},
            "mixture.box_ce.log10",
            "it has no effect: mixture.scale is 'plain'; expected 'calibrated'",
        ),
        (
            {"mixture": {"box_ce": {"at": {"range": [0.1, 0.9]}}}},
            "mixture.box_ce.at",
            "it has no effect: mixture.box_ce.shape is 'constant'; expected 'step' or 'sigmoid' or 'knots'",
        ),
        ({"mixture": {"text_ce": {"log10": 1.0}}}, "mixture.text_ce.log10", "unknown key 'log10'"),
        (
            {"mixture": {"weighting": {"choice": ["static", "famo"]}}},
            "mixture.weighting",
            "got the keys choice; expected the keys name, ema_rate",
        ),
        (
            {"optimizer": {"learning_rate": float("inf")}},
            "optimizer.learning_rate",
            "got inf; expected a finite number",
        ),
    ],
)
def test_a_fault_names_its_path_and_says_what_was_expected(raw: object, path: str, message: str) -> None:
    faults = faults_of(raw)

    assert any(
        (found == path and text.startswith(message)) or (found == path and message in text) for found, text in faults
    )


def test_all_faults_come_at_once() -> None:
    faults = faults_of(
        {
            "adapter": {"rank": "x", "dropout": {"range": [1, 0], "lg": True}},
            "optimizer": {"decay": "root"},
            "speed": 1,
        }
    )

    assert [path for path, _ in faults] == [
        "adapter.rank",
        "adapter.dropout.lg",
        "adapter.dropout.range",
        "optimizer.decay",
        "speed",
    ]


def test_a_faulty_key_is_left_out_and_the_rest_is_read() -> None:
    space, _ = parse_space({"adapter": {"rank": {"range": [8, 4]}, "dropout": 0.1}})

    assert space.dimensions == {}
    assert space.fixed == {"adapter.dropout": 0.1}


def test_one_term_that_is_always_on_is_enough() -> None:
    raw = {"mixture": {"text_ce": {"on": {"choice": [True, False]}}, "box_ce": {"weight": {"range": [0.1, 1]}}}}

    assert faults_of(raw) == []


@pytest.mark.parametrize(
    "mixture",
    [
        {"ntl_was": {"on": False, "weight": 0.3}},
        {"ntl_was": {"on": {"choice": [True, False]}, "weight": {"range": [0.1, 1]}}},
        {"scale": {"choice": ["plain", "calibrated"]}, "box_ce": {"log10": {"range": [-1, 1]}}},
        {"scale": "calibrated", "text_ce": {"on": False}},
        {"weighting": {"name": "dwa", "famo_rate": {"range": [0.01, 0.1]}}},
        {"ntl_was": {"on": False, "weight": {"range": [0.1, 1]}}},
    ],
)
def test_a_key_that_can_have_an_effect_or_whose_gate_the_file_names_is_fine(mixture: object) -> None:
    assert faults_of({"mixture": mixture}) == []


def test_calibrated_terms_that_could_all_be_off_are_refused() -> None:
    mixture = {"scale": "calibrated", "text_ce": {"on": False}, "box_ce": {"on": {"choice": [True, False]}}}

    assert [path for path, _ in faults_of({"mixture": mixture})] == ["mixture"]
