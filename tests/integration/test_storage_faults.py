"""Disks that fill up, turn read-only or vanish under a hub: one message, and a folder that goes on."""

import sqlite3

import duckdb
import pytest
from made_search import made_report, made_spec, start_hub
from mounts import fill, mount, small_disk, unmount

from results import read_sweep
from search.errors import StorageFault
from search.storage_fault import StorageGuard
from search.study import open_studies
from search.study_database import StudyDatabase

TRIALS = 8


def spec():
    return made_spec(trials=TRIALS, sampler={"name": "random"})


def quality(config):
    return (config.optimizer.learning_rate * 1e5) % 1


def drive(folder, *, before_report=lambda count: None):
    """Run trials one after another, as one worker would, every call guarded as the sweep guards it."""
    guard, count = StorageGuard(folder), 0
    with guard.surfacing():
        with guard:
            hub = start_hub(spec(), folder)
        while True:
            with guard:
                config = hub.ask()
            if config is None:
                return
            for step in (2, 4, 6):
                if step <= config.from_step:
                    continue
                before_report(count := count + 1)
                score = quality(config) * step / 6
                with guard:
                    decision = hub.report(config.number, made_report(step, miou=score, f1=score))
                if decision.verdict != "CONTINUE":
                    break


def outcome(folder):
    tables = read_sweep(folder)
    trials = tables.trials.drop(columns=["started", "ended"]).sort_values("trial").astype(str).to_dict("records")
    reports = tables.reports.sort_values(["trial", "step"])[["trial", "attempt", "step"]].to_dict("records")
    main = open_studies(folder, storage=None, directions=["maximize", "maximize"]).main
    return (
        trials,
        reports,
        [(trial.number, trial.state.name, trial.values, trial.params) for trial in main.get_trials()],
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    drive(folder)
    return outcome(folder)


def reports_of(folder):
    return duckdb.sql(f"SELECT count(*) FROM '{folder}/reports/*.parquet'").fetchall()[0][0]


@pytest.mark.parametrize("leave_kib", [0, 12, 40, 80])
def test_a_disk_that_fills_up_ends_in_one_message_and_the_sweep_goes_on_when_there_is_room(
    tmp_path, undisturbed, leave_kib
):
    """What is left is too little for a part, or for a part and not for the study, and so on."""
    with small_disk(tmp_path / "disk", size_kib=4096) as disk:
        folder, seen = disk / "sweep", []
        folder.mkdir()

        def fill_at_the_fifth(count):
            seen.append(reports_of(folder) if count > 1 else 0)
            if count == 5:
                fill(disk, leave=leave_kib * 1024)

        with pytest.raises(StorageFault) as caught:
            drive(folder, before_report=fill_at_the_fifth)
        assert str(caught.value).startswith("can't write ")
        assert "No space left on device" in str(caught.value) or "database or disk is full" in str(caught.value)
        assert str(caught.value).endswith(f"; free some space and go on by: paretune resume {folder}")
        assert "\n" not in str(caught.value)
        assert reports_of(folder) >= max(seen)  # DuckDB opens it, and no report is lost
        with pytest.raises(StorageFault, match="free some space"):  # again, while the disk is full
            drive(folder)
            fill(disk)
            drive(folder)
        (disk / "filler").unlink(missing_ok=True)
        drive(folder)
        assert outcome(folder) == undisturbed


def test_a_disk_that_turns_read_only_ends_in_one_message(tmp_path, undisturbed):
    with small_disk(tmp_path / "disk", size_kib=8192) as disk:
        folder = disk / "sweep"
        folder.mkdir()
        writable = []

        def protect(count):
            if count == 7:
                # open files keep a disk from turning read-only; a bind mount of its own does
                mount("--bind", folder, folder)
                writable.append(folder)
                mount("-o", "remount,bind,ro", folder)

        try:
            with pytest.raises(StorageFault, match=r"Read-only file system; make it writable and go on by: paretune"):
                drive(folder, before_report=protect)
            with pytest.raises(StorageFault, match=r"make it writable and go on by: paretune resume"):
                drive(folder)
        finally:
            for mounted in writable:
                unmount(mounted)
        drive(folder)
        assert outcome(folder) == undisturbed


def test_a_mount_that_vanishes_ends_in_one_message_and_the_sweep_goes_on_when_it_is_back(tmp_path, undisturbed):
    real, seen = tmp_path / "real", tmp_path / "seen"
    real.mkdir()
    seen.mkdir()
    mount("--bind", real, seen)
    folder = seen / "sweep"
    folder.mkdir()

    def take_away(count):
        if count == 6:
            unmount(seen)

    with pytest.raises(StorageFault, match=r"No such file or directory; bring it back and go on by: paretune resume"):
        drive(folder, before_report=take_away)
    assert not list(seen.iterdir()), "nothing may be written below a mount that is gone"
    mount("--bind", real, seen)
    try:
        drive(folder)
        assert outcome(folder) == undisturbed
    finally:
        unmount(seen)


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("disk I/O error", "see to it and go on by: paretune resume {folder}"),
        ("attempt to write a readonly database", "make it writable and go on by: paretune resume {folder}"),
        ("database or disk is full", "free some space and go on by: paretune resume {folder}"),
        ("database disk image is malformed", "go on by: paretune resume {folder} --rebuild-study"),
    ],
)
@pytest.mark.parametrize("method", ["set_attrs", "set_state", "add_trial"])
def test_a_database_that_fails_ends_in_one_message(tmp_path, monkeypatch, method, words, advice):
    from sqlalchemy.exc import OperationalError

    real, calls = getattr(StudyDatabase, method), []

    def failing(*args, **settings):
        calls.append(method)
        if len(calls) == 5:
            raise OperationalError("UPDATE trials", {}, sqlite3.OperationalError(words))
        return real(*args, **settings)

    monkeypatch.setattr(StudyDatabase, method, failing)
    with pytest.raises(StorageFault) as caught:
        drive(tmp_path)
    place = f"the study in {tmp_path}/study.db: {words}; "
    assert str(caught.value) in {f"can't {verb} {place}{advice.format(folder=tmp_path)}" for verb in ("write", "use")}


def test_the_study_of_a_real_sqlite_file_that_can_not_be_written_is_named(tmp_path):
    drive(tmp_path)
    guard = StorageGuard(tmp_path)
    with pytest.raises(StorageFault, match=r"can't write the study in .*study\.db: attempt to write a readonly"), guard:
        connection = sqlite3.connect(f"file:{tmp_path}/study.db?mode=ro", uri=True)
        connection.execute("DELETE FROM trials")


def test_what_no_disk_did_is_left_alone(tmp_path):
    guard = StorageGuard(tmp_path)
    for error in (KeyError("key"), BrokenPipeError(), KeyboardInterrupt()):
        with pytest.raises(type(error)), guard.surfacing(), guard:
            raise error


def test_a_fault_that_another_error_hides_comes_out(tmp_path):
    guard = StorageGuard(tmp_path)
    with pytest.raises(StorageFault, match="Input/output error"), guard.surfacing():
        try:
            with guard:
                raise OSError(5, "Input/output error")
        except StorageFault as fault:
            raise RuntimeError("Ray's own words") from fault


def test_a_fault_that_is_swallowed_comes_out(tmp_path):
    guard = StorageGuard(tmp_path)
    with pytest.raises(StorageFault), guard.surfacing():
        try:
            with guard:
                raise OSError(5, "Input/output error")
        except StorageFault:
            pass
