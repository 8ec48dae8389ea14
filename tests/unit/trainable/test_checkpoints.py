import errno
import json
import multiprocessing
import pickle
import random
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from trainable.checkpoints import CheckpointPlace, NoRoomError, packed, unpacked

SPAWN = multiprocessing.get_context("spawn")


def listing(folder):
    """Give every file with what changes if it is written again; one that vanishes meanwhile is left out."""
    found = []
    for path in sorted(folder.iterdir()):
        with suppress(FileNotFoundError):
            stat = path.stat()
            found.append((path.name, stat.st_ino, stat.st_mtime_ns, stat.st_size))
    return found


def size_of(folder: Path) -> int:
    return sum(size for _, _, _, size in listing(folder))


def opened(folder, budget=None):
    place = CheckpointPlace(folder=str(folder), budget=budget).open()
    place.tidy(frozenset())
    return place


def test_a_state_comes_back_as_it_was():
    import torch

    state = {"step": 3, "adapter": [torch.arange(4.0)], "generators": [torch.get_rng_state()], "pace": {}}
    again = unpacked(packed(state))
    assert (again["step"], again["pace"]) == (3, {})
    assert torch.equal(again["adapter"][0], state["adapter"][0])
    assert torch.equal(again["generators"][0], state["generators"][0])


class Planted:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("protocol", [2, 5])
def test_reading_a_state_runs_nothing(tmp_path, protocol):
    import torch

    marker, file = tmp_path / "ran", tmp_path / "file"
    with pytest.raises(pickle.UnpicklingError):
        unpacked(pickle.dumps(Planted(marker), protocol=protocol))
    torch.save({"attempt": 0, "trial": Planted(marker)}, file)
    with pytest.raises(pickle.UnpicklingError):
        unpacked(file.read_bytes())
    assert not marker.exists()


def test_what_is_written_is_read_listed_and_removed(tmp_path):
    checkpoints = opened(tmp_path)
    checkpoints.write(7, b"first")
    checkpoints.write(7, b"second")
    checkpoints.write(123456, b"another")
    assert (checkpoints.read(7), checkpoints.numbers()) == (b"second", {7, 123456})
    checkpoints.remove(7)
    checkpoints.remove(7)
    assert checkpoints.numbers() == {123456}
    with pytest.raises(FileNotFoundError):
        checkpoints.read(7)


def test_tidying_removes_what_has_our_names_and_nothing_else(tmp_path):
    for name in (
        "trial-00001.pt",
        "trial-00002.pt",
        ".trial-00003.pt.part",
        "trial-1.pt",
        "notes.txt",
        "trial-00002.pt.bak",
    ):
        (tmp_path / name).write_text("x")
    CheckpointPlace(folder=str(tmp_path)).open().tidy(frozenset({2}))
    assert {path.name for path in tmp_path.iterdir()} == {
        "trial-00002.pt",
        "trial-1.pt",
        "notes.txt",
        "trial-00002.pt.bak",
    }


def test_a_worker_does_not_make_the_folder_of_a_mount_that_is_gone(tmp_path):
    for budget in (None, 1000):
        with pytest.raises(FileNotFoundError):
            CheckpointPlace(folder=str(tmp_path / "gone"), budget=budget).open().write(0, b"state")
    assert not (tmp_path / "gone").exists()


def test_a_replacement_needs_room_beside_the_earlier_file(tmp_path):
    checkpoints = opened(tmp_path, budget=250)
    checkpoints.write(0, b"a" * 100)
    checkpoints.write(0, b"b" * 150)
    with pytest.raises(NoRoomError, match=r"101 bytes do not fit into search\.disk, 250 bytes, beside 150 bytes"):
        checkpoints.write(0, b"c" * 101)
    assert checkpoints.read(0) == b"b" * 150


def test_checkpoints_of_ended_trials_give_way_in_their_order_and_no_more_than_needed(tmp_path):
    checkpoints = opened(tmp_path, budget=400)
    for number in (1, 2, 3):
        checkpoints.write(number, bytes(100))
    checkpoints.spare([3, 1])
    checkpoints.write(4, bytes(100))
    assert checkpoints.numbers() == {1, 2, 4}
    checkpoints.write(4, bytes(150))
    assert checkpoints.numbers() == {2, 4}


def test_nothing_is_given_up_for_a_checkpoint_that_would_not_fit_even_then(tmp_path):
    checkpoints = opened(tmp_path, budget=400)
    for number in (1, 2, 3):
        checkpoints.write(number, bytes(100))
    checkpoints.spare([3])
    with pytest.raises(NoRoomError):
        checkpoints.write(4, bytes(201))
    assert checkpoints.numbers() == {1, 2, 3}


def test_the_list_of_what_may_go_counts_too(tmp_path):
    checkpoints = opened(tmp_path, budget=205)
    for number in (1, 2):
        checkpoints.write(number, bytes(100))
    checkpoints.spare([2, 1])
    assert size_of(tmp_path) <= 205
    assert checkpoints.numbers() == {1}
    assert json.loads((tmp_path / "spare.json").read_text()) == [1]


def test_a_failed_write_leaves_the_earlier_file_and_nothing_beside_it(tmp_path, monkeypatch):
    checkpoints = opened(tmp_path)
    checkpoints.write(0, b"whole")

    def half(path, data):
        path.open("wb").write(data[:2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.write(0, b"newer")
    assert [path.name for path in tmp_path.iterdir()] == ["trial-00000.pt"]
    assert checkpoints.read(0) == b"whole"


def write_many(folder, budget, number, written):
    """Write one trial's checkpoint again and again, in sizes that differ, and tell the folder's size after each."""
    checkpoints, chance = CheckpointPlace(folder=str(folder), budget=budget).open(), random.Random(number)
    for _ in range(60):
        data = bytes([number]) * chance.randint(1, 4000)
        try:
            checkpoints.write(number, data)
        except NoRoomError:
            written.put((number, "refused", size_of(folder)))
        else:
            assert checkpoints.read(number) == data
            written.put((number, "written", size_of(folder)))


def test_several_writers_together_never_exceed_the_budget(tmp_path):
    """The sizes are taken by the writers after each write, and by a thread that looks all the time."""
    budget = 9000
    checkpoints = opened(tmp_path, budget=budget)
    for number in (90, 91):
        checkpoints.write(number, bytes(2000))
    checkpoints.spare([91, 90])
    written, stop, seen = SPAWN.Queue(), threading.Event(), []

    def watch():
        while not stop.is_set():
            first, second = listing(tmp_path), listing(tmp_path)
            if first == second:  # else files came and went while they were added up
                seen.append(sum(size for _, _, _, size in first))

    watcher = threading.Thread(target=watch)
    watcher.start()
    writers = [SPAWN.Process(target=write_many, args=(tmp_path, budget, number, written)) for number in range(4)]
    for writer in writers:
        writer.start()
    outcomes = [written.get(timeout=200) for _ in range(4 * 60)]
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    stop.set()
    watcher.join()
    assert {kind for _, kind, _ in outcomes} == {"written", "refused"}
    assert not {90, 91} & checkpoints.numbers()
    assert max(size for _, _, size in outcomes) <= budget
    assert max(seen) <= budget


def test_a_store_that_is_a_local_uri_is_a_folder(tmp_path):
    checkpoints = CheckpointPlace(folder=f"file://{tmp_path}/deep/er", budget=10).open()
    checkpoints.tidy(frozenset())
    checkpoints.write(0, b"state")
    assert (tmp_path / "deep" / "er" / "trial-00000.pt").read_bytes() == b"state"
    with pytest.raises(NoRoomError):
        checkpoints.write(0, b"states")


def test_nothing_of_ours_loads_a_pickle():
    root = Path(__file__).parents[3]
    lines = [
        f"{path.relative_to(root)}: {line.strip()}"
        for package in ("search", "trainable", "spaces", "results")
        for path in (root / package).rglob("*.py")
        for line in path.read_text().splitlines()
        if "torch.load(" in line or "pickle.load" in line or "Unpickler(" in line or "read_pickle" in line
    ]
    allowed = {  # the refs of RefCOCO are pickles, read by an unpickler that knows no names
        "trainable/data/sources/refcoco.py: class _PlainUnpickler(pickle._Unpickler):",
        'trainable/data/sources/refcoco.py: return _PlainUnpickler(file, encoding="utf-8", errors="replace").load()',
    }
    others = set(lines) - allowed
    assert others == {
        'trainable/checkpoints/state.py: return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)'
    }
