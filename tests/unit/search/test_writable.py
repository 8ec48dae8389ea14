"""Where ``--out`` can't be written: said before anything is read or started, with exit code 2."""

import pytest
from command import TINY_SWEEP, write_sweep

from search.cli import main
from search.errors import FolderError, StorageFault
from search.storage_fault import StorageGuard
from search.writable import check_beside, check_file, check_folder, check_new

COMMANDS = [
    ("init", "{data}", "--model", "tiny", "--out", "{out}/my.yaml"),
    ("check", "{file}", "--out", "{out}"),
    ("sweep", "{file}", "--out", "{out}/new"),
    ("export", "{none}", "--out", "{out}/new"),
    ("report", "{none}", "--out", "{out}/page.html"),
    ("report", "{none}", "{none}", "--out", "{out}/page.html"),
]


@pytest.fixture
def places(tmp_path):
    """Give inputs of which none can be read, so that reading one would be the complaint."""
    text = TINY_SWEEP.replace("source: shapes, domain: shifted, scenes: 12", "source: rows, path: none.json")
    (tmp_path / "file").write_text("")
    return {"data": tmp_path, "file": write_sweep(tmp_path, text), "none": tmp_path / "none"}


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize(
    ("out", "found"),
    [
        ("{data}/file/below", "{data}/file is a file; expected a folder"),
        ("/proc/nothing", "nothing can be made in /proc: No such file or directory"),
    ],
)
def test_every_command_says_so_first(places, capsys, words, out, found):
    before = sorted(places["data"].iterdir())
    out = out.format(**places)
    assert main([word.format(**places, out=out) for word in words]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"paretune: {words[-1].format(out=out)} can't be written: {found.format(**places)}. Choose")
    assert said.count("\n") == 1
    assert sorted(places["data"].iterdir()) == before


def test_what_can_be_written_is_left_as_it_was(tmp_path):
    (tmp_path / "there.txt").write_text("kept")
    for check in (check_folder, check_file, check_beside, check_new):
        check(tmp_path / "new" / "newer")
    check_folder(tmp_path)
    check_file(tmp_path / "there.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["there.txt"]


@pytest.mark.parametrize(
    ("name", "found"),
    [("link/x", "link is a link to nothing; expected a folder"), ("x" * 300, "File name too long")],
)
def test_odd_names_are_refused_too(tmp_path, name, found):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    for check in (check_folder, check_file, check_beside, check_new):
        with pytest.raises(FolderError, match=found):
            check(tmp_path / name)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(FolderError, match=r"is a folder; expected a file, such as .*NAME, by --out"):
        check_file(tmp_path)


def test_a_folder_of_a_sweep_takes_no_other_and_the_data_are_not_read_for_it(places, capsys):
    folder = places["data"]
    (folder / "sweep.json").write_text("{}")
    assert main(["sweep", str(places["file"]), "--out", str(folder)]) == 2
    assert f"{folder} holds a sweep already; go on with it by 'paretune resume {folder}'" in capsys.readouterr().err


def test_a_disk_that_fails_later_is_told_with_the_whole_command(tmp_path):
    guard = StorageGuard(tmp_path / "a", again="report", after=[tmp_path / "b", "--out", "x/r.html"], place=tmp_path)
    with pytest.raises(StorageFault) as fault, guard:
        raise OSError(28, "No space left on device")
    assert str(fault.value) == (
        f"can't write {tmp_path}: No space left on device; free some space and go on by: "
        f"paretune report {tmp_path}/a {tmp_path}/b --out x/r.html"
    )


def test_a_place_that_is_taken_is_no_fault_of_the_disk(tmp_path):
    with pytest.raises(FolderError), StorageGuard(tmp_path):
        raise FolderError("taken")
