"""What nodes say of themselves, and what is made of it."""

import hashlib
import json
from pathlib import Path

import pytest
from made_search import made_spec

import spaces
import trainable
from search.node_facts import facts_of_node
from search.probe import Node, NodeFacts, _faults, _faults_of_folder, _paths

HERE = NodeFacts(
    python="/usr/bin/python3",
    versions={"paretune": "1.0", "torch": "2.13.0+cpu"},
    code="abc",
    seen="nonce",
    fault="",
    missing=(),
)
NODE = Node("ab" * 28, "10.0.0.7 (gpu7, abababab)", {"CPU": 4.0, "GPU": 1.0, "rack": 1.0})


def faults(meeting, *, wrote=True, **parts):
    if wrote:
        (meeting / NODE.id).write_text("nonce")
    facts = HERE.model_copy(update=parts)
    return [
        *_faults(facts, HERE, {"model.path": "/models/x"}),
        *_faults_of_folder(facts, NODE, meeting, "nonce"),
    ]


@pytest.mark.parametrize(
    ("needs", "slots"),
    [
        ({"CPU": 1.0}, 4),
        ({"CPU": 1.0, "GPU": 0.5}, 2),
        ({"CPU": 0.5, "GPU": 0.1}, 8),
        ({"GPU": 2.0}, 0),
        ({"x": 1.0}, 0),
    ],
)
def test_a_node_holds_as_many_trials_as_its_scarcest_resource_allows(needs, slots):
    assert NODE.slots(needs) == slots


def test_a_node_like_this_machine_has_no_fault(tmp_path):
    assert faults(tmp_path) == []


def test_another_build_of_the_same_torch_is_no_fault(tmp_path):
    assert faults(tmp_path, versions={"paretune": "1.0", "torch": "2.13.0+cu129"}) == []


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            {"versions": {"paretune": "", "torch": "2.13.0"}, "code": ""},
            "paretune is not installed; install paretune 1.0",
        ),
        ({"code": "abd"}, "its paretune 1.0 has other code than the one here; install the same"),
        ({"versions": {"paretune": "0.9", "torch": "2.13.0"}}, "paretune is 0.9, here it is 1.0; install the same"),
        ({"versions": {"paretune": "1.0", "torch": "2.12.1"}}, "torch is 2.12.1, here it is 2.13.0+cpu"),
        ({"versions": {"paretune": "1.0", "torch": ""}}, "torch is absent, here it is 2.13.0+cpu"),
        ({"seen": "", "fault": "No such file or directory"}, "it does not see the sweep's folder"),
        ({"fault": "Permission denied"}, "it can't write into the sweep's folder"),
        ({"missing": ("/models/x",)}, "model.path: /models/x is not there"),
    ],
)
def test_each_fault_of_a_node_is_named_once(tmp_path, parts, words):
    (found,) = faults(tmp_path, **parts)
    assert words in found


def test_what_a_node_writes_must_arrive(tmp_path):
    (found,) = faults(tmp_path, wrote=False)
    assert "does not arrive here" in found


def test_a_node_looks_around(tmp_path):
    (tmp_path / "driver").write_text("nonce")
    facts = NodeFacts.model_validate_json(
        facts_of_node(str(tmp_path), "me", ["ray", "no-such-thing"], [str(tmp_path), "/nowhere"])
    )
    assert (tmp_path / "me").read_text() == "nonce"
    assert (facts.seen, facts.fault, facts.missing) == ("nonce", "", ("/nowhere",))
    assert facts.versions["ray"] and not facts.versions["no-such-thing"]
    digest = hashlib.sha256()
    for package in (spaces, trainable):
        home = Path(package.__path__[0])
        for file in sorted(home.rglob("*.py")):
            digest.update(file.relative_to(home).as_posix().encode() + file.read_bytes())
    assert facts.code == digest.hexdigest()


def test_a_node_without_the_folder_says_so_and_writes_nothing(tmp_path):
    facts = json.loads(facts_of_node(str(tmp_path / "nowhere"), "me", [], []))
    assert (facts["seen"], facts["fault"]) == ("", "No such file or directory")


def test_the_paths_that_trials_read_are_those_of_the_data_and_a_model_folder():
    spec = made_spec()
    photos = {"source": "coco", "annotations": "/data/a.json", "images": "/data/photos"}
    data = type(spec.data).model_validate({"sources": [{"source": "shapes"}, photos]})
    assert _paths(spec.model_copy(update={"data": data})) == {
        "data.sources.1.annotations": "/data/a.json",
        "data.sources.1.images": "/data/photos",
    }
    model = spec.model.model_copy(update={"path": "/models/x"})
    assert _paths(spec.model_copy(update={"model": model})) == {"model.path": "/models/x"}
