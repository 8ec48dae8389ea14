"""Loggers, fed by a real hub: what TensorBoard and MLflow show afterwards, and what a broken logger costs."""

import shutil
import threading
from typing import get_args

import pytest
from made_search import Events, made_report, made_spec, run_to_end, start_hub
from mlflow.tracking import MlflowClient
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.logger import LoggerCallback
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from results import read_sweep
from search.cli import main
from search.errors import CheckError, SpecError
from search.exit_codes import BAD_INPUT
from search.loggers import EXTRAS, Loggers, check_loggers
from search.loggers.events import LoggedTrial
from search.loggers.forward import make_logger
from search.spec import LoggerName
from search.spec_file import load_spec

TEXT = """\
data: {sources: [{source: shapes, scenes: 8}]}
objectives: [grounding.miou, text.token_f1]
space: {adapter: {rank: {choice: [4, 8]}}}
"""


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory):
    """Give a database with MLflow's tables, which take it seconds to make."""
    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def database(empty_database, tmp_path):
    """Give the folder of a sweep a database of its own."""
    shutil.copy(empty_database, tmp_path / "mlflow.db")


def loggers(spec, folder, said=None, **settings):
    return Loggers(spec, folder, listener=Events(), say=(said if said is not None else []).append, **settings)


def search(folder, *names, qualities=(0.6, 0.8, 0.9, 0.2), said=None, **settings):
    """Run trials of the given qualities; the last ones are stopped by the median of the first."""
    spec = made_spec(loggers=names)
    with loggers(spec, folder, said, **settings) as events:
        hub = start_hub(spec, folder, events=events)
        for quality in qualities:
            run_to_end(hub, hub.ask(), quality=quality)
    return spec


def shown(folder, trial):
    events = EventAccumulator(str(folder / "tensorboard" / trial))
    events.Reload()
    return events


def hparams(events, part):
    data = events.summary_metadata[f"_hparams_/{part}"].plugin_data.content
    return getattr(HParamsPluginData.FromString(data), part)


def runs(folder):
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name(folder.name)
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}, client


def test_tensorboard_shows_scores_losses_and_weights_by_step(tmp_path):
    search(tmp_path, "tensorboard")
    events = shown(tmp_path, "trial-00001")
    scalars = {
        tag: [(one.step, round(one.value, 6)) for one in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }
    assert scalars["metric/grounding.miou"] == [(2, 0.266667), (4, 0.533333), (6, 0.8)]
    assert scalars["loss/text_ce"] == scalars["weighted/text_ce"] == [(2, 1), (4, 1), (6, 1)]
    assert scalars["weight/giou"] == [(2, 0), (4, 0), (6, 0)]
    assert not any(tag.startswith("ray/") for tag in scalars)


def test_tensorboard_shows_what_was_drawn_and_calls_no_stopped_trial_a_success(tmp_path):
    search(tmp_path, "tensorboard")
    record = read_sweep(tmp_path).trials.set_index("trial")
    status = {}
    for trial in range(4):
        events = shown(tmp_path, f"trial-{trial:05d}")
        drawn = hparams(events, "session_start_info").hparams
        assert drawn["optimizer.learning_rate"].number_value == record.loc[trial, "param.optimizer.learning_rate"]
        assert ("mixture.giou.weight" in drawn) == bool(record.loc[trial, "param.mixture.giou.on"])
        end = api_pb2.Status.Name(hparams(events, "session_end_info").status)
        status[trial] = (drawn["state"].string_value, end)
    assert status == dict.fromkeys(range(3), ("COMPLETE", "STATUS_SUCCESS")) | {3: ("PRUNED", "STATUS_UNKNOWN")}


def test_mlflow_shows_every_trial_with_its_state_and_its_numbers(tmp_path, database):
    spec = made_spec(loggers=("mlflow",))
    with loggers(spec, tmp_path) as events:
        hub = start_hub(spec, tmp_path, events=events)
        for quality in (0.6, 0.8, 0.9, 0.2):
            run_to_end(hub, hub.ask(), quality=quality)
        hub.fail(hub.ask().number, "bad data: no image")
    found, client = runs(tmp_path)
    assert {name: (run.info.status, run.data.tags["paretune.state"]) for name, run in found.items()} == {
        "trial-00000": ("FINISHED", "COMPLETE"),
        "trial-00001": ("FINISHED", "COMPLETE"),
        "trial-00002": ("FINISHED", "COMPLETE"),
        "trial-00003": ("KILLED", "PRUNED"),
        "trial-00004": ("FAILED", "FAIL"),
    }
    assert found["trial-00004"].data.tags["paretune.reason"] == "bad data: no image"
    history = client.get_metric_history(found["trial-00001"].info.run_id, "metric/text.token_f1")
    assert {one.step: one.value for one in history} == pytest.approx({2: 0.8 / 3, 4: 1.6 / 3, 6: 0.8}, abs=1e-12)
    record = read_sweep(tmp_path).trials.set_index("trial")
    params = found["trial-00003"].data.params
    assert float(params["optimizer.learning_rate"]) == record.loc[3, "param.optimizer.learning_rate"]
    assert ("mixture.giou.weight" in params) == bool(record.loc[3, "param.mixture.giou.on"])


def test_rays_own_callback_of_mlflow_calls_a_stopped_trial_finished(tmp_path, database):
    """The default that ``MLflowLogger`` is there to replace; if it changes, look at it again."""

    logger = MLflowLoggerCallback(f"sqlite:///{tmp_path}/mlflow.db", experiment_name=tmp_path.name)
    trial = LoggedTrial("stopped", "1", {}, "sweep", str(tmp_path))
    logger.setup()
    logger.log_trial_start(trial)
    logger.on_trial_complete(0, [], trial)
    assert runs(tmp_path)[0]["stopped"].info.status == "FINISHED"


def test_a_suspended_trial_goes_on_in_its_run_after_a_resume(tmp_path, database):
    spec = made_spec(loggers=("tensorboard", "mlflow"))
    with loggers(spec, tmp_path) as events:
        hub = start_hub(spec, tmp_path, events=events)
        hub.report(hub.ask().number, made_report(2, miou=0.2, f1=0.2))
    assert runs(tmp_path)[0]["trial-00000"].info.status == "SCHEDULED"
    assert "_hparams_/session_end_info" not in shown(tmp_path, "trial-00000").summary_metadata
    with loggers(spec, tmp_path) as events:
        hub = start_hub(spec, tmp_path, events=events)
        number = hub.ask().number
        for step in (4, 6):
            hub.report(number, made_report(step, miou=0.2, f1=0.2))
    found, client = runs(tmp_path)
    assert list(found) == ["trial-00000"]
    assert found["trial-00000"].info.status == "FINISHED"
    history = client.get_metric_history(found["trial-00000"].info.run_id, "metric/grounding.miou")
    assert [one.step for one in history] == [2, 4, 6]
    assert [one.step for one in shown(tmp_path, "trial-00000").Scalars("metric/grounding.miou")] == [2, 4, 6]


def test_two_sweeps_of_one_name_have_runs_of_their_own_on_one_server(tmp_path, database, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    for parent in ("a", "b"):
        folder = tmp_path / parent / "sweep"
        folder.mkdir(parents=True)
        search(folder, "mlflow", qualities=(0.5,))
        assert not (folder / "mlflow.db").exists()
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    found = client.search_runs([client.get_experiment_by_name("sweep").experiment_id])
    assert [run.info.run_name for run in found] == ["trial-00000"] * 2


def test_a_trial_that_starts_anew_after_it_ran_out_of_memory_is_a_run_of_its_own(tmp_path, database):
    spec = made_spec(loggers=("mlflow",))
    with loggers(spec, tmp_path) as events:
        hub = start_hub(spec, tmp_path, events=events)
        hub.fail(hub.ask().number, "out of memory: 3 GiB")
        run_to_end(hub, hub.ask(), quality=0.5)
    states = {name: run.info.status for name, run in runs(tmp_path)[0].items()}
    assert states == {"trial-00000": "FAILED", "trial-00000-attempt-1": "FINISHED"}


class Broken(LoggerCallback):
    """Loses its server after the first result."""

    def __init__(self):
        self.results = 0

    def log_trial_result(self, iteration, trial, result):
        self.results += 1
        if self.results > 1:
            raise ConnectionError("https://me:pa55word@logs.example/api does not answer\nmore lines")


def test_a_server_that_is_lost_is_told_once_and_costs_nothing_but_its_own_log(tmp_path):
    said, broken = [], Broken()
    search(
        tmp_path,
        "mlflow",
        "tensorboard",
        said=said,
        make=lambda name, folder: broken if name == "mlflow" else make_logger(name, folder),
    )
    assert said == [
        "search.loggers: mlflow failed, and what it misses is not logged: "
        "https://me:***@logs.example/api does not answer; the sweep goes on, and its record is complete"
    ]
    assert broken.results == len(read_sweep(tmp_path).reports) == 10
    assert list(read_sweep(tmp_path).trials["state"]) == ["COMPLETE"] * 3 + ["PRUNED"]
    assert len(shown(tmp_path, "trial-00002").Scalars("metric/grounding.miou")) == 3


def test_a_server_that_never_answers_at_all_is_told_once(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:pa55word@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    said = []
    search(tmp_path, "mlflow", said=said)
    assert len(said) == 1
    assert said[0].startswith("search.loggers: mlflow failed") and "pa55word" not in said[0]
    assert len(read_sweep(tmp_path).trials) == 4


def test_a_server_that_hangs_is_not_waited_for(tmp_path):
    said, free = [], threading.Event()

    class Hanging(LoggerCallback):
        def log_trial_start(self, trial):
            free.wait()

    search(tmp_path, "mlflow", said=said, make=lambda name, folder: Hanging(), patience_s=0.1)
    free.set()
    assert said == ["search.loggers: mlflow has not logged everything and is not waited for any longer"]
    assert len(read_sweep(tmp_path).trials) == 4


def test_no_file_of_a_sweep_holds_a_password_of_a_logger(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "5ecret" * 7)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db?pa55word")
    search(tmp_path, "tensorboard", qualities=(0.5,))
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert texts and not any(b"5ecret" in text or b"pa55word" in text for text in texts)


def test_a_sweep_without_loggers_leaves_no_trace_of_them(tmp_path):
    search(tmp_path, qualities=(0.5,))
    assert not list(tmp_path.glob("loggers*"))


def test_every_logger_of_a_sweep_file_has_a_package_that_is_looked_for():
    assert tuple(EXTRAS) == get_args(LoggerName)
    check_loggers(["tensorboard", "mlflow"])


def test_a_logger_whose_package_is_absent_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setattr("search.loggers.available.find_spec", lambda name: None)
    with pytest.raises(CheckError) as caught:
        check_loggers(["mlflow", "wandb"])
    assert str(caught.value).splitlines() == [
        "search.loggers: mlflow needs the package mlflow, which is not installed; "
        "pip install 'paretune[mlflow]', or remove mlflow",
        "search.loggers: wandb needs the package wandb, which is not installed; "
        "pip install 'paretune[wandb]', or remove wandb",
    ]


def test_the_command_refuses_an_absent_logger_before_it_reads_any_data(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("search.loggers.available.find_spec", lambda name: None)
    monkeypatch.setattr("search.check.check_data", lambda spec: pytest.fail("data were read"))
    (tmp_path / "sweep.yaml").write_text(TEXT + "search: {loggers: [wandb]}\n")
    for command in (["check", "--out", str(tmp_path / "out")], ["sweep", "--out", str(tmp_path / "out")]):
        assert main([*command, str(tmp_path / "sweep.yaml")]) == BAD_INPUT
        assert "pip install 'paretune[wandb]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        (
            "[tensorbord]",
            "search.loggers.0: got 'tensorbord'; expected 'tensorboard', 'mlflow' or 'wandb'. Did you mean",
        ),
        ("[mlflow, mlflow]", "search.loggers: mlflow stands twice; a logger logs once"),
        ("mlflow", "search.loggers: got 'mlflow'; expected a list. Write [mlflow]."),
    ],
)
def test_a_sweep_file_that_names_loggers_wrongly_is_told_how(tmp_path, written, complaint):
    (tmp_path / "sweep.yaml").write_text(TEXT + f"search: {{loggers: {written}}}\n")
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path / "sweep.yaml")
    assert complaint in str(caught.value)


def test_weights_and_biases_needs_a_key_or_no_server(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with pytest.raises(CheckError, match="wandb has no key of your account; run 'wandb login', or set WANDB_API_KEY"):
        check_loggers(["wandb"])
    monkeypatch.setenv("WANDB_MODE", "offline")
    check_loggers(["wandb"])
