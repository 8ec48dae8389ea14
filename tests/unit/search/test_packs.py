"""Packs in a sweep file, and how many servers they take."""

import pytest
from pydantic import ValidationError

from search.packs import chosen_pack, servers_needed
from search.spec import contradictions
from search.spec_file import load_spec
from spaces import TrainingConfig

TEXT = """\
data: {sources: [{source: shapes}]}
objectives: [grounding.miou, text.token_f1]
space: {adapter: {rank: {choice: [4, 8]}}}
"""


def spec_of(tmp_path, *overrides):
    path = tmp_path / "sweep.yaml"
    path.write_text(TEXT)
    return load_spec(path, overrides=list(overrides))


@pytest.mark.parametrize("pack", [1, 32, "auto"])
def test_a_pack_is_a_number_or_auto(pack):
    assert TrainingConfig(pack=pack).pack == pack


@pytest.mark.parametrize("pack", [0, 33, 2.5, True, "two", None])
def test_any_other_pack_is_one_fault(pack):
    with pytest.raises(ValidationError, match="expected auto, or a whole number from 1 to 32") as caught:
        TrainingConfig(pack=pack)
    assert caught.value.error_count() == 1


def test_a_pack_of_more_trials_than_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"trial\.pack: got 4, but no more than 2 trials run at a time"):
        spec_of(tmp_path, "trial.pack=4", "search.concurrency=2")
    assert not contradictions(spec_of(tmp_path, "trial.pack=auto"), frozenset())


def test_the_last_pack_may_have_room_to_spare():
    assert [servers_needed(concurrency, 4) for concurrency in (4, 5, 8)] == [1, 2, 2]


def test_nothing_is_measured_where_no_two_trials_run_or_the_size_is_given(tmp_path):
    said = []
    for overrides, size in ((("trial.pack=auto",), 1), (("trial.pack=3", "search.concurrency=4"), 3)):
        spec = spec_of(tmp_path, *overrides)
        assert chosen_pack(spec, say=said.append, loss=str, is_over=lambda: False) == size
    assert said == ["trial.pack: auto packs nothing, since search.concurrency is 1"]
