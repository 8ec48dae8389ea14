from pathlib import Path

import pytest
from calibration import GOAL, SCENARIOS, SURE

from results import attainment, bootstrap, findings, membership, preferences, replicates, slices
from search import importance, replay

DOC = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [
        f"In each of {bootstrap.REPLICATES:,} replicates",
        f"the {replicates.MOST_CONTENDERS} completed trials nearest",
        f"in {membership.WORLDS} simulated sweeps",
        f"less than {findings.UNDECIDED_BELOW:g} are".replace("0.", "."),
        f"more than {findings.WORTH_CONFIRMING:g} are worth".replace("0.", "."),
        f"most {attainment.MOST_MOMENTS} of the trials",
        ", ".join(f"{drop:g}" for drop in preferences.DROPS[:2]).replace("0.", ".") + " or .05",
        f"factor {preferences.AUGMENTATION:g} of ParEGO".replace("0.", "."),
        f"Below {importance.FEW_TRIALS} completed trials",
        f"η = {replay.ETA}",
    ],
)
def test_the_page_names_the_numbers_that_the_code_uses(words):
    assert words in " ".join(DOC.split())


def test_the_page_says_how_many_trials_have_slices():
    assert slices.MOST_TRIALS == 12
    assert "at most a dozen trials" in " ".join(DOC.split())


def test_the_page_holds_the_whole_output_of_the_benchmark():
    assert all(f"\n{name} " in DOC for name in SCENARIOS)
    assert f"goal: {GOAL:.0%} of those with P >= {SURE:g}: reached\n```" in DOC
