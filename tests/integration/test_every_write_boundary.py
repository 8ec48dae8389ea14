"""A driver that dies before or after any one write: the sweep ends as if it had not."""

import os
from dataclasses import replace

import pandas as pd
import pytest
from made_search import made_report, made_spec, start_hub

from results import RecordWriter, read_sweep
from search.study import open_studies
from search.study_database import StudyDatabase
from trainable.evaluation.prediction import Prediction

TRIALS = 7
PARTS = 8
"""Every eighth write is fatal in every run, each of them nightly."""


class Killed(BaseException):
    """The driver's process is gone."""


class Writes:
    """Counts every durable write, and kills the driver before or after a chosen one."""

    def __init__(self, monkeypatch):
        self.count, self.fatal, self.before = 0, None, True
        for owner, names in (
            (RecordWriter, ("append_predictions", "append_report", "append_decision", "append_trial")),
            (StudyDatabase, ("add_trial", "add_param", "set_attrs", "set_point", "set_state")),
        ):
            for name in names:
                monkeypatch.setattr(owner, name, self._wrapped(getattr(owner, name)))

    def _wrapped(self, write):
        def writing(*args, **settings):
            self.count += 1  # also within another write, which then does not happen
            number = self.count
            if number == self.fatal and self.before:
                raise Killed
            result = write(*args, **settings)
            if number == self.fatal:
                raise Killed
            return result

        return writing


def quality(config):
    """Score a point: reproducible, and different for every one."""
    return (config.optimizer.learning_rate * 1e5) % 1


def drive(folder):
    """Run trials one after another, each from where the hub says, as one worker would."""
    hub = start_hub(made_spec(trials=TRIALS, sampler={"name": "tpe", "startup_trials": 3}), folder)
    while (config := hub.ask()) is not None:
        for step in (2, 4, 6):
            if step <= config.from_step:
                continue
            score = quality(config) * step / 6
            report = made_report(step, miou=score, f1=score)
            if step == 6:
                answer = Prediction("a#1", f"{score}", (), {"grounding.miou": score}, {"grounding.miou": 1.0})
                report = replace(report, predictions=(answer,))
            if hub.report(config.number, report).verdict != "CONTINUE":
                break


def outcome(folder):
    tables = read_sweep(folder)
    trials = tables.trials.drop(columns=["started", "ended"]).sort_values("trial").astype(object)
    trials = trials.where(trials.notna(), None).to_dict("records")
    rows = tables.decisions.sort_values(["trial", "step"])
    decisions = rows[["trial", "attempt", "step", "verdict", "reason"]].to_dict("records")
    reports = tables.reports.sort_values(["trial", "step"])[["trial", "attempt", "step"]].to_dict("records")
    answered = pd.read_parquet(folder / "predictions").sort_values("trial")  # as others read it: no row twice
    answers = answered[["trial", "attempt", "step", "item", "prediction"]].to_dict("records")
    study = open_studies(folder, storage=None, directions=["maximize", "maximize"])
    held = [(trial.number, trial.state.name, trial.values, trial.params) for trial in study.main.get_trials()]
    curves = {
        trial.user_attrs["trial"]: (trial.state.name, trial.intermediate_values)
        for trial in study.companion.get_trials()
        if trial.state.name != "FAIL"
    }
    return trials, decisions, reports, answers, held, curves


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        writes = Writes(patch)
        drive(folder)
    states = [state for _, state, _, _ in outcome(folder)[4]]
    assert {"COMPLETE", "PRUNED"} <= set(states), "the sweep must stop trials and finish some"
    return writes.count, outcome(folder)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("part", range(PARTS if os.environ.get("PARETUNE_NIGHTLY") else 1))
def test_a_driver_killed_at_any_write_changes_nothing(tmp_path, undisturbed, monkeypatch, part, before):
    total, expected = undisturbed
    writes = Writes(monkeypatch)
    writes.before = before
    for fatal in range(1 + part, total + 1, PARTS):
        folder = tmp_path / f"{fatal}"
        folder.mkdir()
        writes.count, writes.fatal = 0, fatal
        with pytest.raises(Killed):
            drive(folder)
        writes.fatal = None
        drive(folder)
        for found, wanted in zip(outcome(folder), expected, strict=True):
            assert found == wanted, f"write {fatal} of {total}"
