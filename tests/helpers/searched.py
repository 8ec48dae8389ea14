"""A sweep's folder, searched in this process by real trials without Ray: what a sweep leaves, in a few seconds."""

from __future__ import annotations

from pathlib import Path

from made_search import Events

from results import write_sweep_json
from search.check import check_data
from search.items import item_rows, record_items
from search.recorder import record_columns
from search.recovery import open_hub
from search.spec import SweepSpec
from search.spec_file import load_spec
from search.sweep_spec import SPEC_KEY
from trainable.messages import CHECKPOINT_KEY, ENDING_KEY, TRIAL_KEY, ending_of, report_of
from trainable.ray_entry import RayTrial

CONFIRMED_SWEEP = """\
model: tiny
data:
  sources:
    - {source: shapes, domain: shifted, scenes: 20}
  search_share: 0.2
  confirm_share: 0.2
  test_share: 0.2
objectives: [grounding.miou, text.token_f1]
trial: {steps: 2, rungs: [1], batch: 2, rung_rows: 4, eval_batch: 8, max_new_tokens: 30}
space:
  optimizer: {learning_rate: {range: [1e-4, 1e-2], log: true}}
search: {trials: 2, concurrency: 2, pruner: none}
"""


def begun(folder: Path, *, text: str = CONFIRMED_SWEEP) -> SweepSpec:
    """Make the folder of a sweep file in which no trial has started; gives its spec."""
    file = folder.with_suffix(".yaml")
    file.write_text(text)
    spec = load_spec(file)
    data = check_data(spec)
    metadata = {SPEC_KEY: spec.model_dump_json(), "data_hash": data.data_hash}
    write_sweep_json(folder, record_columns(spec), metadata=metadata)
    record_items(folder, spec, lambda: item_rows(data.prepared.split))
    return spec


def searched(folder: Path, *, text: str = CONFIRMED_SWEEP) -> SweepSpec:
    """Search a sweep file's whole budget into a folder; gives its spec."""
    spec = begun(folder, text=text)
    hub = open_hub(spec, folder, listener=Events(), is_over=lambda: False)
    while (config := hub.ask()) is not None:
        worker = RayTrial({TRIAL_KEY: config.model_dump_json(), CHECKPOINT_KEY: None})
        verdict = "CONTINUE"
        while verdict == "CONTINUE":
            result = worker.train()
            assert ENDING_KEY not in result, ending_of(result)
            verdict = hub.report(config.number, report_of(result)).verdict
        worker.stop()
    return spec
