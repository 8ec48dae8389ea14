"""``paretune resume`` of a folder with a damaged part or study, and of one whose disk gives out at once."""

import sqlite3
from contextlib import closing

import pytest
from made_search import made_spec, run_to_end, start_hub
from mounts import mount, unmount

from results import write_sweep_json
from search.check import check_data
from search.cli import main
from search.exit_codes import BAD_INPUT, FAILED
from search.recorder import record_columns
from search.sweep_spec import SPEC_KEY


@pytest.fixture
def folder(tmp_path):
    """Give the folder of a sweep of two trials, both complete."""
    folder, spec = tmp_path / "out", made_spec(trials=3)
    metadata = {SPEC_KEY: spec.model_dump_json(), "data_hash": check_data(spec).data_hash}
    write_sweep_json(folder, record_columns(spec), metadata=metadata)
    hub = start_hub(spec, folder)
    for quality in (0.4, 0.6):
        run_to_end(hub, hub.ask(), quality=quality)
    with closing(sqlite3.connect(folder / "study.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


def complaint(capsys, *words):
    """Run the command and give its exit code and the one line that it says on stderr."""
    code = main([str(word) for word in words])
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return code, lines[0]


def test_a_part_that_was_cut_is_named(folder, capsys):
    part = folder / "reports" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-100])
    code, line = complaint(capsys, "resume", folder)
    assert code == BAD_INPUT
    assert line.startswith(f"paretune: {part} is damaged: ")
    assert line.endswith("; restore it, or move it away to go on with the rest")


def test_what_a_killed_writer_left_is_removed(folder):
    leftover = folder / "reports" / ".part-00000.tmp"
    leftover.write_bytes(b"half")
    start_hub(made_spec(trials=3), folder)
    assert not leftover.exists()


def test_a_study_that_is_missing_is_named_with_the_way_out(folder, capsys):
    for path in folder.glob("study.db*"):
        path.unlink()
    code, line = complaint(capsys, "resume", folder)
    assert code == BAD_INPUT
    assert line == (
        f"paretune: {folder}/study.db is missing, but the record holds trials; bring it back, or rebuild it from the "
        f"record by: paretune resume {folder} --rebuild-study"
    )


def test_a_folder_that_can_only_be_read_is_named(folder, capsys):
    mount("--bind", folder, folder)
    try:
        mount("-o", "remount,bind,ro", folder)
        code, line = complaint(capsys, "resume", folder)
    finally:
        unmount(folder)
    assert code == FAILED
    assert line == (
        f"paretune: can't write {folder}: Read-only file system; make it writable and go on by: "
        f"paretune resume {folder}"
    )
