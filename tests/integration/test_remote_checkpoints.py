"""Checkpoints in S3, as moto's server plays it."""

import json
import urllib.request
import uuid

import pytest
from command import paretune, write_sweep
from made_search import made_report, made_spec, run_to_end, start_hub
from moto.server import ThreadedMotoServer

from search.errors import FolderError, StorageFault
from search.kept_checkpoints import checkpoint_place
from search.places import check_unused
from search.storage_fault import StorageGuard
from search.sweep_spec import SPEC_KEY, spec_of
from trainable.checkpoints import NoRoomError, unpacked

KEYS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "s3cr3t", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def port():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield port
    server.stop()


@pytest.fixture
def bucket(port, monkeypatch):
    """Give the URI of a new bucket; keys come from the environment."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    name = f"bucket-{uuid.uuid4().hex}"
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/{name}", method="PUT")
    urllib.request.urlopen(asked).read()
    return f"s3://{name}/sweeps?scheme=http&endpoint_override=127.0.0.1:{port}"


def opened(bucket, folder, **search):
    place = checkpoint_place(made_spec(checkpoints=bucket, **search), folder).open()
    place.tidy(frozenset())
    return place


def test_what_is_written_is_read_listed_and_removed(bucket, tmp_path):
    checkpoints = opened(bucket, tmp_path)
    large = bytes(range(256)) * 50_000  # in several parts
    checkpoints.write(1, b"first")
    checkpoints.write(1, large)
    checkpoints.write(2, b"second")
    assert checkpoints.read(1) == large
    assert checkpoints.numbers() == {1, 2}
    checkpoints.remove(1)
    checkpoints.remove(1)
    assert checkpoints.numbers() == {2}
    with pytest.raises(FileNotFoundError):
        checkpoints.read(1)
    checkpoints.tidy(frozenset())
    assert not checkpoints.numbers()


def test_the_budget_holds_there_too(bucket, tmp_path):
    checkpoints = opened(bucket, tmp_path, disk=300)
    checkpoints.write(1, bytes(100))
    checkpoints.write(2, bytes(100))
    with pytest.raises(NoRoomError):
        checkpoints.write(3, bytes(150))
    checkpoints.spare([2])
    checkpoints.write(3, bytes(150))
    assert checkpoints.numbers() == {1, 3}


def test_a_hub_keeps_the_front_there_and_a_new_sweep_of_the_same_name_is_refused(bucket, tmp_path):
    spec = made_spec(checkpoints=bucket)
    check_unused(spec, tmp_path)
    hub, checkpoints = start_hub(spec, tmp_path), opened(bucket, tmp_path)
    for quality in (0.6, 0.8):
        config = hub.ask()
        checkpoints.write(config.number, b"state")
        run_to_end(hub, config, quality=quality)
    running = hub.ask()
    hub.report(running.number, made_report(2, miou=0.9, f1=0.9))
    checkpoints.write(running.number, b"state")
    checkpoints.write(0, b"left by a driver that died")
    start_hub(spec, tmp_path)
    assert checkpoints.numbers() == {1, running.number}
    with pytest.raises(FolderError, match="holds checkpoints of another sweep already"):
        check_unused(spec, tmp_path)


def test_no_key_is_stored(bucket, tmp_path):
    start_hub(made_spec(checkpoints=bucket), tmp_path)
    assert spec_of(tmp_path).search.checkpoints == bucket
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"s3cr3t" not in path.read_bytes()
    assert "s3cr3t" not in json.loads((tmp_path / "sweep.json").read_text())["metadata"][SPEC_KEY]


def test_a_bucket_that_is_not_there_ends_in_one_message(bucket, tmp_path):
    spec = made_spec(checkpoints=bucket.replace("s3://bucket", "s3://nobucket"))
    with pytest.raises(StorageFault) as caught, StorageGuard(tmp_path):
        opened(spec.search.checkpoints, tmp_path).write(0, b"state")
    assert "\n" not in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.ray
def test_the_command_keeps_its_checkpoints_there_within_their_budget(bucket, tmp_path):
    write_sweep(tmp_path)
    words = ("--set", f"search.checkpoints={bucket}", "--set", "search.disk=20MB", "--set", "search.trials=2")
    done = paretune("sweep", "sweep.yaml", "--out", "out", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "out" / "checkpoints").exists()
    kept = checkpoint_place(spec_of(tmp_path / "out"), tmp_path / "out").open()
    assert kept.numbers() and kept.numbers() <= {0, 1}
    for number in kept.numbers():
        assert unpacked(kept.read(number))["trial"]["step"] == 4
