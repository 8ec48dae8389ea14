import json

import pytest
from made_search import made_spec
from made_sweep import METADATA, baseline, complete, make_sweep

from results import read_sweep
from results.findings import FrontStops
from search.explain import explain


def explained(folder, metadata):
    return explain(read_sweep(make_sweep(folder, [baseline(0.2, 0.2), complete(0.3, 0.3)], metadata=metadata)))


def test_the_spec_in_the_record_is_what_importance_and_replay_go_by(tmp_path):
    importance, front_stops = explained(tmp_path, {**METADATA, "spec": made_spec().model_dump_json()})
    assert importance == "only 1 of the trials that the sampler drew completed"
    assert isinstance(front_stops, FrontStops)


@pytest.mark.parametrize("spec", [None, "no json", json.dumps({"search": {"trails": 5}})])
def test_a_spec_that_cannot_be_read_is_the_reason(tmp_path, spec):
    reasons = explained(tmp_path, METADATA if spec is None else {**METADATA, "spec": spec})
    assert all("none that this paretune reads" in reason for reason in reasons)
