"""Reports to Optuna's developers, held against a hub on a real study; Optuna alone shows the symptom where it can."""

import math
import random
import shutil
import sqlite3
import subprocess
import sys
import threading

import optuna
import pytest
from command import write_sweep
from made_search import made_report, made_spec, run_to_end, start_hub
from optuna.distributions import FloatDistribution
from optuna.samplers import TPESampler
from optuna.trial import TrialState, create_trial

from results import read_sweep
from search.errors import SearchError, SpecError
from search.samplers import make_sampler
from search.spec import MOST_GP_TRIALS, SamplerConfig
from search.spec_file import load_spec
from search.study import open_studies
from search.thinning import MOST_SEEN, _split_trials

RATE = {"rate": FloatDistribution(0, 1)}


def trials_of(folder):
    return open_studies(folder, storage=None, directions=["maximize", "maximize"]).main.get_trials()


def sweep_with_stops(folder, *, trials, each=3, **search):
    """Run a sweep in which one of so many trials is stopped; gives its trials."""
    hub = start_hub(made_spec(trials=trials, **search), folder)
    while config := hub.ask():
        run_to_end(hub, config, quality=0.01 if config.number % each == each - 1 else 0.4 + config.number / 200)
    return trials_of(folder)


def test_optuna_5260_tpe_goes_on_with_stopped_trials_in_a_study_of_two_objectives(tmp_path):
    """TPE fails on the next ask: https://github.com/optuna/optuna/issues/5260."""
    study = optuna.create_study(directions=["maximize", "maximize"], sampler=TPESampler(n_startup_trials=1, seed=0))
    study.add_trial(create_trial(values=[0.5, 0.5], params={"rate": 0.1}, distributions=RATE))
    stopped = {"params": {"rate": 0.2}, "distributions": RATE, "intermediate_values": {1: 0.5}}
    study.add_trial(create_trial(state=TrialState.PRUNED, **stopped))
    with pytest.raises(RuntimeError, match="direction"):
        study.ask(RATE)
    trials = sweep_with_stops(tmp_path, trials=14, sampler={"name": "tpe", "startup_trials": 3})
    states = [trial.state for trial in trials]
    assert (len(states), set(states[:3])) == (14, {TrialState.COMPLETE, TrialState.PRUNED})
    assert not any(trial.intermediate_values for trial in trials)
    assert len({tuple(trial.params.values()) for trial in trials}) == 14


def test_optuna_2853_nsga_ii_goes_on_with_stopped_trials_beyond_its_first_generation(tmp_path):
    """Generations with pruned trials: https://github.com/optuna/optuna/issues/2853."""
    trials = sweep_with_stops(tmp_path, trials=64, each=6, sampler={"name": "nsgaii"})
    states = [trial.state for trial in trials]
    assert states.count(TrialState.PRUNED) >= 8
    assert states.count(TrialState.COMPLETE) + states.count(TrialState.PRUNED) == 64
    assert any("generation" in key and value for trial in trials for key, value in trial.system_attrs.items()), (
        "it must have come to a second generation"
    )


def test_optuna_6676_and_4902_and_5268_trials_of_two_objectives_report_and_are_stopped(tmp_path):
    """Trial.report and should_prune refuse several objectives.

    https://github.com/optuna/optuna/issues/6676, https://github.com/optuna/optuna/issues/4902 and
    https://github.com/optuna/optuna/issues/5268.
    """
    trial = optuna.create_study(directions=["maximize", "maximize"]).ask()
    with pytest.raises(NotImplementedError):
        trial.report(0.5, 2)
    with pytest.raises(NotImplementedError):
        trial.should_prune()
    stopped = sweep_with_stops(tmp_path, trials=6)[5]
    assert (stopped.state, stopped.values) == (TrialState.PRUNED, None)
    assert stopped.user_attrs["report:0:2"]["values"] == pytest.approx([0.01 / 3, 0.01 / 3])


def objective_at(folder, step, value):
    """Give the trials of a sweep: the first one reports a value at a step, the second one is run to its end."""
    hub = start_hub(made_spec(trials=2), folder)
    config = hub.ask()
    for at in range(2, step + 1, 2):
        hub.report(config.number, made_report(at, miou=value if at == step else 0.5, f1=0.5))
    run_to_end(hub, hub.ask(), quality=0.5)
    return trials_of(folder)


@pytest.mark.parametrize("step", [2, 6])
def test_optuna_3132_an_objective_that_is_no_number_fails_its_trial_and_leaves_none_running(tmp_path, step):
    """A NaN leaves the trial running for ever: https://github.com/optuna/optuna/issues/3132."""
    trials = objective_at(tmp_path, step, math.nan)
    assert [trial.state for trial in trials] == [TrialState.FAIL, TrialState.COMPLETE]
    row = read_sweep(tmp_path).trials.iloc[0]
    assert "grounding.miou" in row["reason"]
    assert math.isnan(row["value.grounding.miou"])


def test_a_reported_nan_is_told_from_a_score_that_does_not_apply(tmp_path):
    objective_at(tmp_path, 2, math.nan)
    assert read_sweep(tmp_path).trials.iloc[0]["reason"].startswith("diverged: ")


def test_an_infinite_objective_fails_its_trial(tmp_path):
    trials = objective_at(tmp_path, 6, math.inf)
    assert [trial.state for trial in trials] == [TrialState.FAIL, TrialState.COMPLETE]


def test_optuna_6283_a_trial_whose_worker_or_driver_crashed_is_run_again_with_its_settings(tmp_path):
    """A crashed trial is not repeated: https://github.com/optuna/optuna/issues/6283."""
    hub = start_hub(made_spec(trials=3), tmp_path)
    hub.ask()
    config = hub.ask()
    hub.report(config.number, made_report(2, miou=0.5, f1=0.5))
    hub.lose(config.number, "made up", loss="worker died")
    again = hub.ask()
    assert again == config.model_copy(update={"from_step": 2})
    resumed = start_hub(made_spec(trials=3), tmp_path)  # and then the driver dies
    assert {each.number: each.from_step for each in (resumed.ask(), resumed.ask())} == {0: 0, 1: 2}
    assert resumed.ask().number == 2
    assert resumed.ask() is None


def test_optuna_5138_a_torn_tail_of_the_studys_log_costs_no_trial(tmp_path):
    """A journal with a torn line can't be read any more: https://github.com/optuna/optuna/issues/5138.

    A journal is refused; the log that SQLite writes ahead is cut in the middle of a write instead.
    """
    with pytest.raises(SearchError, match="can't open the study"):
        open_studies(tmp_path, storage=f"journal:///{tmp_path}/journal.log", directions=["maximize", "maximize"])
    whole = tmp_path / "whole"
    whole.mkdir()
    hub = start_hub(made_spec(sampler={"name": "random"}), whole)
    for quality in (0.6, 0.8, 0.7):
        run_to_end(hub, hub.ask(), quality=quality)
    log, chance, lost = (whole / "study.db-wal").read_bytes(), random.Random(3), 0
    for turn in range(4):
        folder = tmp_path / f"torn-{turn}"
        shutil.copytree(whole, folder)
        (folder / "study.db-shm").unlink(missing_ok=True)
        (folder / "study.db-wal").write_bytes(log[: chance.randrange(len(log))] + b"torn")
        lost += sum(trial.state.is_finished() for trial in trials_of(shutil.copytree(folder, folder / "look"))) < 3
        hub_of_the_torn = start_hub(made_spec(sampler={"name": "random"}), folder)
        assert [trial.values for trial in trials_of(folder)] == [trial.values for trial in trials_of(whole)]
        assert hub_of_the_torn.ask().number == 3
    assert lost, "one of the cuts must have lost a finished trial"


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


def test_optuna_820_a_lock_that_another_process_holds_is_waited_for(tmp_path):
    """Database is locked, after the five seconds that SQLite waits: https://github.com/optuna/optuna/issues/820."""
    hub, path = start_hub(made_spec(trials=2), tmp_path), tmp_path / "study.db"
    config = hub.ask()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin and holder.stdout and holder.stdout.readline() == "locked\n"
    impatient = sqlite3.connect(path, timeout=0.1)
    with pytest.raises(sqlite3.OperationalError, match="database is locked"):
        impatient.execute("BEGIN IMMEDIATE")
    impatient.close()
    release = threading.Timer(6, holder.communicate, ["\n"])
    release.start()
    try:
        hub.report(config.number, made_report(2, miou=0.5, f1=0.5))
    finally:
        release.join()
    assert holder.returncode == 0
    assert trials_of(tmp_path)[0].user_attrs["report:0:2"]["values"] == [0.5, 0.5]


WATCHER = """
import sqlite3, sys
import optuna
optuna.logging.set_verbosity(optuna.logging.ERROR)
path = sys.argv[1]
held = sqlite3.connect(path, isolation_level=None)
held.execute("BEGIN")
before = held.execute("SELECT count(*) FROM trials WHERE state != 'RUNNING'").fetchone()
print("reads", flush=True)
import threading
told = threading.Thread(target=sys.stdin.readline)
told.start()
counts = []
while told.is_alive():
    study = optuna.load_study(study_name="paretune", storage=f"sqlite:///{path}")
    counts.append(len([trial for trial in study.get_trials() if trial.state.is_finished()]))
assert held.execute("SELECT count(*) FROM trials WHERE state != 'RUNNING'").fetchone() == before
assert counts == sorted(counts), counts
print(len(counts), flush=True)
"""


def test_optuna_6036_and_dashboard_545_a_reader_neither_locks_the_study_nor_is_locked_out(tmp_path):
    """Database is locked while a dashboard reads.

    https://github.com/optuna/optuna/issues/6036 and https://github.com/optuna/optuna-dashboard/issues/545.
    """
    hub = start_hub(made_spec(trials=12), tmp_path)
    watcher = subprocess.Popen(
        [sys.executable, "-c", WATCHER, str(tmp_path / "study.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watcher.stdout and watcher.stdout.readline() == "reads\n"
    while config := hub.ask():
        run_to_end(hub, config, quality=0.5)
    said, faults = watcher.communicate("\n", timeout=120)
    assert watcher.returncode == 0, faults
    assert int(said) > 0
    assert len(trials_of(tmp_path)) == 12


def test_optuna_3153_and_2172_tpe_looks_at_no_more_trials_after_thousands(monkeypatch):
    """Asking takes longer with every trial.

    https://github.com/optuna/optuna/issues/3153 and https://github.com/optuna/optuna/issues/2172.
    """
    study, chance, seen = optuna.create_study(directions=["maximize", "maximize"]), random.Random(0), []
    split = _split_trials
    monkeypatch.setattr(
        "search.thinning._split_trials",
        lambda study, trials, *rest: seen.append(len(trials)) or split(study, trials, *rest),
    )
    for count in (200, 3000):
        while len(study.trials if count == 200 else study.get_trials(deepcopy=False)) < count:
            rate = chance.random()
            study.add_trial(create_trial(values=[rate, 1 - rate], params={"rate": rate}, distributions=RATE))
        study.sampler = make_sampler(SamplerConfig(name="tpe"), seed=count)
        trial = study.ask()
        trial.suggest_float("rate", 0, 1)
        study.tell(trial, state=TrialState.FAIL)
    assert seen[0] >= 200
    assert MOST_SEEN <= max(seen) <= MOST_SEEN + 2, f"trials that TPE modelled at each ask: {seen}"


def test_optuna_6230_gp_is_refused_for_more_trials_than_it_can_model_in_time(tmp_path):
    """Asking a Gaussian process takes minutes: https://github.com/optuna/optuna/issues/6230."""
    file, sampler = write_sweep(tmp_path), "search.sampler={name: gp, startup_trials: 2}"
    most = load_spec(file, overrides=[sampler, f"search.trials={MOST_GP_TRIALS}"])
    assert (most.search.sampler.name, most.search.trials) == ("gp", MOST_GP_TRIALS)
    with pytest.raises(SpecError, match="gp takes minutes to propose a point") as caught:
        load_spec(file, overrides=[sampler, f"search.trials={MOST_GP_TRIALS + 1}"])
    assert "Use tpe" in str(caught.value)
