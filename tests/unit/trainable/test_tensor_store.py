import os
import time

import pytest
import torch

from spaces.trial import CacheConfig
from trainable.model.tensor_store import TensorStore, folder_bytes

NAME = "ab" + "0" * 62


class Maker:
    """Makes tensors and counts how often."""

    def __init__(self, numbers=1000, *, fill=1.0):
        self.tensors = {"a": torch.full((numbers,), fill), "b": torch.tensor([1, 2, 3])}
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return self.tensors


def get(store, maker, key="k", name=NAME):
    return store.get(key, name=lambda: name, compute=maker)


def store_in(folder, identity="one", **config):
    return TensorStore(identity, CacheConfig(folder=str(folder), **config))


def check_same(found, maker):
    assert set(found) == {"a", "b"}
    assert all(torch.equal(found[name], maker.tensors[name]) for name in found)


def test_tensors_are_made_once_for_all_stores_of_a_folder(tmp_path):
    maker = Maker()
    first, second = store_in(tmp_path), store_in(tmp_path)
    for store in (first, first, second):
        check_same(get(store, maker), maker)
    assert maker.calls == 1


def test_a_store_of_another_identity_makes_its_own(tmp_path):
    maker = Maker()
    get(store_in(tmp_path), maker)
    get(store_in(tmp_path, "two"), maker)
    assert maker.calls == 2


def test_without_a_disk_tensors_stay_in_memory_and_nothing_is_hashed(tmp_path):
    maker = Maker()
    store = store_in(tmp_path, disk=0)
    for _ in range(2):
        check_same(store.get("k", name=lambda: pytest.fail("hashed"), compute=maker), maker)
    assert maker.calls == 1
    assert not list(tmp_path.iterdir())


def test_the_budget_is_kept_and_what_does_not_fit_stays_in_memory(tmp_path, caplog):
    store, makers = store_in(tmp_path, disk="20kB"), [Maker() for _ in range(10)]
    for turn in range(2):
        for index, maker in enumerate(makers):
            check_same(get(store, maker, key=str(index), name=f"{index:02d}{NAME}"), maker)
            assert maker.calls == 1, turn
    assert 8_000 < folder_bytes(tmp_path) <= 20_000
    assert "model.cache.disk (20000 bytes) is used up" in caplog.text


@pytest.mark.parametrize("content", [b"", b"no tensors", b"\xff" * 4096])
def test_a_damaged_file_is_made_anew(tmp_path, caplog, content):
    maker = Maker()
    get(store_in(tmp_path), maker)
    (path,) = tmp_path.rglob("*.safetensors")
    path.write_bytes(content)
    check_same(get(store_in(tmp_path), maker), maker)
    assert maker.calls == 2
    assert "is computed anew, it can't be read" in caplog.text
    get(store_in(tmp_path), maker)
    assert maker.calls == 2


def test_a_folder_that_can_not_be_written_costs_a_warning(tmp_path, caplog):
    (tmp_path / "one").write_text("a file stands where the folder would be")
    maker = Maker()
    store = store_in(tmp_path)
    for _ in range(2):
        check_same(get(store, maker), maker)
    assert maker.calls == 1
    assert "takes no more files" in caplog.text


def test_an_interrupted_write_leaves_no_file_that_looks_whole(tmp_path, monkeypatch):
    def broken(tensors, path):
        raise KeyboardInterrupt

    monkeypatch.setattr("trainable.model.tensor_store.save_file", broken)
    with pytest.raises(KeyboardInterrupt):
        get(store_in(tmp_path), Maker())
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("is_idle", [True, False])
def test_room_is_made_by_what_nobody_used_for_a_day(tmp_path, is_idle):
    get(store_in(tmp_path, "old"), Maker(4000))
    if is_idle:
        os.utime(tmp_path / "old", (0, time.time() - 90_000))
    store, maker = store_in(tmp_path, disk="20kB"), Maker(2000)
    check_same(get(store, maker), maker)
    assert (tmp_path / "old").exists() != is_idle
    assert (tmp_path / "one").exists() == is_idle
