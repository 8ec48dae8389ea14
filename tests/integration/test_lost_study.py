"""A study that is torn, damaged, lost or another sweep's, beside a whole record."""

import random
import shutil
import sqlite3
from contextlib import closing

import pytest
from made_search import Events, made_report, made_spec, run_to_end, start_hub

from results import read_sweep
from search.errors import StudyError
from search.recovery import open_hub
from search.study import open_studies

CONSTRAINTS = [{"metric": "text.token_f1", "max_drop": 0.1}]


def spec(**search):
    return made_spec(trials=7, enqueue=("ntl",), constraints=CONSTRAINTS, sampler={"name": "random"}, **search)


def report(step, score):
    return made_report(step, miou=score * step / 6, f1=score * step / 6)


def begin(folder, **search):
    """Run five trials of seven: complete, failed, halved and stopped ones; a sixth is running."""
    hub = start_hub(spec(**search), folder)
    run_to_end(hub, hub.ask(), quality=0.6)
    run_to_end(hub, hub.ask(), quality=0.8)
    hub.fail(hub.ask().number, "diverged: made up")
    halved = hub.ask()
    hub.report(halved.number, report(2, 0.75))
    hub.fail(halved.number, "out of memory: made up")
    again = hub.ask()
    hub.report(again.number, report(2, 0.75))
    hub.lose(again.number, "made up", loss="worker died")
    again = hub.ask()
    assert (again.number, again.attempt, again.from_step) == (3, 1, 2)
    for step in (4, 6):
        hub.report(3, report(step, 0.75))
    run_to_end(hub, hub.ask(), quality=0.01)
    running = hub.ask()
    hub.report(running.number, report(2, 0.9))
    return hub


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    folder = tmp_path_factory.mktemp("begun")
    hub = begin(folder)  # while it lives, the log of its study is not folded into the file
    yield folder
    del hub


@pytest.fixture
def left(begun, tmp_path):
    """Give a folder as a driver that was killed leaves it; nobody has its files open."""
    return shutil.copytree(begun, tmp_path / "left")


def go_on(folder, *, rebuild=False, **search):
    events = Events()
    hub = open_hub(spec(**search), folder, listener=events, is_over=lambda: False, rebuild_study=rebuild)
    while (config := hub.ask()) is not None:
        for step in (2, 4, 6):
            if step > config.from_step and hub.report(config.number, report(step, 0.5)).verdict != "CONTINUE":
                break
    return events


def studies(folder):
    return open_studies(folder, storage=None, directions=["maximize", "maximize"])


def finished(folder):
    return {
        trial.number: (
            trial.state,
            trial.values,
            trial.params,
            trial.distributions,
            trial.user_attrs,
            trial.system_attrs,
        )
        for trial in studies(folder).main.get_trials()
        if trial.state.is_finished()
    }


def curves(folder):
    return {
        trial.user_attrs["trial"]: (trial.state, trial.value, trial.user_attrs["attempt"], trial.intermediate_values)
        for trial in studies(folder).companion.get_trials()
        if trial.state.is_finished() and trial.user_attrs["trial"] != 3  # its first attempt ended, too
    }


def check_agreement(folder, *, trials=7):
    tables = read_sweep(folder)
    assert sorted(tables.trials["trial"]) == list(range(trials))
    steps = tables.reports[["trial", "attempt", "step"]]
    assert not steps.duplicated().any()
    held = studies(folder).main.get_trials()
    assert [trial.number for trial in held] == list(range(trials))
    for row in tables.trials.to_dict("records"):
        trial = held[row["trial"]]
        assert (trial.state.name, trial.user_attrs["attempt"]) == (row["state"], row["attempt"])
        if row["state"] == "COMPLETE":
            assert trial.values == [row["value.grounding.miou"], row["value.text.token_f1"]]
        for name, value in trial.params.items():
            assert row[f"param.{name}"] == value


def take_away(folder):
    for path in folder.glob("study.db*"):
        path.unlink()


def test_a_study_that_is_missing_is_not_begun_anew(left):
    take_away(left)
    words = rf"study\.db is missing, but the record holds trials; .* paretune resume {left} --rebuild-study"
    with pytest.raises(StudyError, match=words):
        go_on(left)
    assert not (left / "study.db").exists()


@pytest.mark.parametrize("damage", ["emptied", "cut", "overwritten", "garbled"])
def test_a_damaged_study_is_named_and_kept_beside_the_rebuilt_one(left, damage):
    path = left / "study.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    garbled = bytearray(whole)
    for at in range(4096, len(whole), 4096):
        garbled[at : at + 64] = random.Random(at).randbytes(64)
    contents = {
        "emptied": b"",
        "cut": whole[: len(whole) // 2],
        "overwritten": b"no database" * 999,
        "garbled": garbled,
    }
    path.write_bytes(contents[damage])
    with pytest.raises(StudyError, match=r"study\.db (is damaged|holds no study).*--rebuild-study"):
        go_on(left)
    go_on(left, rebuild=True)
    assert (left / "study.db.damaged-1").read_bytes()[:4096] == bytes(contents[damage][:4096])
    check_agreement(left)


def test_a_rebuilt_study_equals_the_lost_one_for_all_finished_trials(left):
    expected, expected_curves = finished(left), curves(left)
    assert [state.name for state, *_ in expected.values()] == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE", "PRUNED"]
    take_away(left)
    hub = open_hub(spec(), left, listener=Events(), is_over=lambda: False, rebuild_study=True)
    assert finished(left) == expected
    assert curves(left) == expected_curves
    config = hub.ask()
    assert (config.number, config.attempt, config.from_step) == (5, 1, 0)


def test_a_sweep_goes_on_with_a_rebuilt_study_to_its_end(left):
    take_away(left)
    events = go_on(left, rebuild=True)
    assert sorted(events.endings) == [5, 6]
    check_agreement(left)
    go_on(left)  # nothing is left, and nothing contradicts
    check_agreement(left)


def test_a_preset_that_was_running_is_run_again_as_it_was(tmp_path):
    hub = start_hub(spec(), tmp_path)
    run_to_end(hub, hub.ask(), quality=0.6)
    preset = hub.ask()
    hub.report(preset.number, report(2, 0.8))
    take_away(tmp_path)
    again = open_hub(spec(), tmp_path, listener=Events(), is_over=lambda: False, rebuild_study=True).ask()
    assert (again.number, again.attempt) == (1, 1)
    assert again.mixture == preset.mixture


def test_the_study_of_another_sweep_is_refused(tmp_path):
    mine, other = tmp_path / "mine", tmp_path / "other"
    for folder, quality in ((mine, 0.6), (other, 0.7)):
        folder.mkdir()
        hub = start_hub(spec(), folder)
        run_to_end(hub, hub.ask(), quality=quality)
    take_away(mine)
    for path in other.glob("study.db*"):
        shutil.copy(path, mine / path.name)
    with pytest.raises(StudyError, match=r"trial 0 of the study is not the one that .*mine has on record"):
        go_on(mine)
    go_on(mine, rebuild=True)
    check_agreement(mine)


def test_a_study_whose_log_lost_its_tail_is_completed_from_the_record(begun, tmp_path):
    """The log is cut at random places and, the last time, lost; the file was never folded after the study's birth."""
    log = (begun / "study.db-wal").read_bytes()
    assert len(log) > 100_000
    chance, restored = random.Random(5), 0
    for cut in [*(chance.randrange(len(log)) for _ in range(6)), 0]:
        folder = tmp_path / f"cut-{cut}"
        shutil.copytree(begun, folder)
        (folder / "study.db-shm").unlink(missing_ok=True)
        (folder / "study.db-wal").write_bytes(log[:cut])
        before = finished(folder)
        go_on(folder)
        check_agreement(folder)
        restored += len(before) < 5
    assert restored, "some of the cuts must have lost finished trials"
