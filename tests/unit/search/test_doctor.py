"""Each thing that the doctor looks at, well and ill."""

import json
import resource
import socket
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from made_search import made_spec
from packaging.requirements import Requirement
from safetensors.numpy import save_file

from search.check_base import folder_faults, weights_fault
from search.doctor.base import base_findings
from search.doctor.folders import file_system, folder_findings, is_network, nearest, room_finding
from search.doctor.machine import files_finding, machine_findings, memory_finding, shared_memory_finding, torch_finding
from search.doctor.packages import package_findings, unmet
from search.doctor.ray_cluster import connection_finding, ray_findings, token_findings
from search.doctor.sweep_file import resource_findings, sweep_findings
from spaces.trial import CocoSource, ResourcesConfig

GB = 10**9
TINY = Path(__file__).parents[3] / "trainable" / "model" / "assets" / "tiny"


def states(findings):
    return [finding.state for finding in findings]


def test_this_environment_has_what_paretune_requires():
    assert set(states(package_findings())) == {"ok"}


def test_each_package_that_is_absent_or_of_another_version_is_named():
    wanted = [Requirement(text) for text in ("a>=2", "b>=1,<2", "c", "d>=1; extra == 'test'", "e>=2.13")]

    found = [(one.name, version) for one, version in unmet(wanted, {"a": "1.9", "b": "1.5", "e": "2.13.0+cpu"})]

    assert found == [("a", "1.9"), ("c", "")]


@pytest.mark.parametrize(
    ("soft", "hard", "state", "fix"),
    [
        (256, 65536, "problem", "ulimit -n 65536"),
        (1024, 4096, "watch", "ulimit -n 4096"),
        (1024, 1024, "watch", "administrator"),
        (20000, 20000, "ok", ""),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, "ok", ""),
    ],
)
def test_few_open_files_are_named_with_what_can_be_had(soft, hard, state, fix):
    found = files_finding(soft, hard)

    assert found.state == state
    assert fix in found.fix


@pytest.mark.parametrize(("free", "state"), [(None, "watch"), (GB, "problem"), (3 * GB, "watch"), (10 * GB, "ok")])
def test_memory(free, state):
    assert memory_finding(free).state == state


def test_shared_memory_that_is_absent_is_to_watch(tmp_path):
    assert shared_memory_finding(tmp_path / "nowhere").state == "watch"


def asked(names=(), cuda=None, said=()):
    return {"names": list(names), "cuda": cuda, "said": list(said)}


@pytest.mark.parametrize(
    ("listed", "answer", "wants", "state", "word"),
    [
        ([], asked(), False, "ok", "none"),
        ([], asked(), True, "problem", "trial.resources.gpus"),
        (["H"], asked(["H"], "12.8"), True, "ok", "CUDA 12.8"),
        (["H", "H"], asked(["H"], "12.8"), True, "watch", "1 of 2"),
        (["H"], asked(cuda="13.0", said=["The NVIDIA driver is too old"]), True, "problem", "too old"),
        (["H"], asked(cuda="13.0"), False, "watch", "sees none"),
        (["H"], asked(), True, "problem", "a build for processors alone"),
        ([], "Segmentation fault", False, "problem", "Segmentation fault"),
    ],
)
def test_gpus_as_the_driver_and_torch_see_them(listed, answer, wants, state, word):
    found = torch_finding(listed, answer, wants_gpu=wants)

    assert found.state == state
    assert word in found.found


def test_room_is_compared_with_what_is_needed():
    assert room_finding("x", 10 * GB, needed=None).state == "ok"
    assert room_finding("x", GB // 2, needed=None).state == "problem"
    assert room_finding("x", 100 * GB, needed=200 * GB).state == "problem"
    assert room_finding("x", 100 * GB, needed=60 * GB).state == "watch"
    assert room_finding("x", 100 * GB, needed=20 * GB).state == "ok"


def test_a_folder_that_need_not_exist_is_tried_where_it_will_be(tmp_path):
    assert nearest(tmp_path / "a" / "b") == tmp_path
    assert "problem" not in states(folder_findings("sweeps", tmp_path / "a", holds_study=True))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_problem():
    (found,) = folder_findings("sweeps", Path("/proc/1"))

    assert found.state == "problem"
    assert "can't be written" in found.found


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/local\\040disk ext4 rw 0 0
tmpfs /home/local\\040disk tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"), [("/var", "ext4"), ("/home/me", "nfs4"), ("/home/local disk/x", "tmpfs"), ("/homes", "ext4")]
)
def test_the_file_system_is_that_of_the_innermost_and_latest_mount(folder, kind):
    assert file_system(Path(folder), MOUNTS) == kind


def test_network_file_systems_are_known():
    assert all(is_network(kind) for kind in ("nfs", "nfs4", "cifs", "lustre", "fuse.sshfs"))
    assert not any(is_network(kind) for kind in ("ext4", "xfs", "tmpfs", "overlay", "fuse", ""))


def test_a_file_of_weights_is_whole_or_cut_short(tmp_path):
    file = tmp_path / "model.safetensors"
    save_file({"a": np.zeros((3, 5), np.float32), "b": np.ones(7, np.int64)}, str(file))
    assert weights_fault(file) == ""

    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert weights_fault(file) == f"model.safetensors has {len(whole) - 1} bytes; expected {len(whole)}"
    file.write_bytes(whole[:5])
    assert "cut short" in weights_fault(file)
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")
    assert "git lfs pull" in weights_fault(file)
    assert "no such file" in weights_fault(tmp_path / "other.safetensors")


def test_the_embedded_base_is_complete():
    assert folder_faults(TINY) == []
    assert states(base_findings("tiny")) == ["ok"]


def test_every_file_that_a_model_lacks_is_named_at_once(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    index = {"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))

    faults = folder_faults(tmp_path)

    assert len(faults) == 4
    assert [fault for fault in faults if "no tokenizer" in fault or "no image processor" in fault] == faults[:2]
    assert ["1.safetensors" in faults[2], "2.safetensors" in faults[3]] == [True, True]


def test_a_model_that_is_not_here_is_a_problem_only_where_it_cannot_be_fetched(monkeypatch, tmp_path):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    assert states(base_findings("nobody/nothing")) == ["watch"]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert states(base_findings("nobody/nothing")) == ["problem"]
    assert states(base_findings(str(tmp_path))) == ["problem"]


def test_faults_of_data_are_named_once(tmp_path):
    spec = made_spec()
    source = CocoSource(source="coco", annotations=str(tmp_path / "no.json"), images=str(tmp_path))
    spec = spec.model_copy(update={"data": spec.data.model_copy(update={"sources": (source,)})})
    lines = [one.line() for one in sweep_findings(spec, cores=2) if one.name == "data"]
    assert lines == [f"problem  data: {tmp_path}/no.json does not exist"]


def test_a_cluster_answers_or_does_not():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        assert connection_finding(f"127.0.0.1:{port}").state == "ok"
    assert connection_finding(f"127.0.0.1:{port}").state == "problem"
    assert connection_finding("nonsense").state == "problem"


def test_an_address_that_a_sweep_of_its_own_ray_ignores_is_to_watch():
    assert states(ray_findings("local", {})) == ["ok"]
    assert states(ray_findings("local", {"RAY_ADDRESS": "127.0.0.1:1"})) == ["watch"]
    assert states(ray_findings("auto", {"RAY_ADDRESS": "127.0.0.1:1"})) == ["problem"]


def test_a_token_must_be_there_where_ray_is_told_to_use_one(tmp_path):
    assert list(token_findings({})) == []
    mode = {"RAY_AUTH_MODE": "token"}
    assert states(token_findings({**mode, "RAY_AUTH_TOKEN": "x"})) == ["ok"]
    file = tmp_path / "token"
    assert states(token_findings({**mode, "RAY_AUTH_TOKEN_PATH": str(file)})) == ["problem"]
    file.write_text("secret")
    (found,) = token_findings({**mode, "RAY_AUTH_TOKEN_PATH": str(file)})
    assert found.state == "ok" and "secret" not in found.found


def test_a_clock_that_was_never_set_is_a_problem(monkeypatch):
    monkeypatch.setattr("search.doctor.machine.time.time", lambda: 0.0)
    monkeypatch.setattr("search.doctor.machine._asked_torch", lambda: asked())

    assert [one.state for one in machine_findings(wants_gpu=False) if one.name == "clock"] == ["problem"]


@pytest.mark.parametrize(
    ("needs", "concurrency", "there", "found"),
    [
        ({}, 2, 0, []),
        ({"cpus": 2}, 2, 0, [("search.concurrency", "watch")]),
        ({"gpus": 1}, 2, 2, []),
        ({"gpus": 1}, 4, 2, [("search.concurrency", "watch")]),
        ({"custom": {"a100": 1}}, 1, 0, [("trial.resources.custom", "problem")]),
    ],
)
def test_what_trials_take_is_compared_with_what_is_here(needs, concurrency, there, found):
    spec = made_spec(concurrency=concurrency)
    resources = ResourcesConfig.model_validate(needs)
    spec = spec.model_copy(update={"trial": spec.trial.model_copy(update={"resources": resources})})

    findings = resource_findings(spec, cores=2, there=there)

    assert [(one.name, one.state) for one in findings] == found
