"""Whether the nodes of a cluster can run a sweep's trials, found out before any model is loaded."""

from __future__ import annotations

import logging
import math
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from pydantic import BaseModel, ConfigDict
from ray import cloudpickle
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search import node_facts
from search.errors import UnfitClusterError
from search.spec import SweepSpec
from trainable.packing.calibrate import SIZES

_log = logging.getLogger(__name__)

_PACKAGES = ("paretune", "torch", "transformers", "peft")
_TIMEOUT_S = 120.0


class NodeFacts(BaseModel):
    """What a node said of itself; see ``search.node_facts``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    python: str
    versions: Mapping[str, str]
    code: str
    seen: str
    fault: str
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Node:
    """A node of a cluster.

    Attributes:
        id: In hexadecimal.
        name: Address, host name and the start of the id.
        offers: All its resources, by Ray's names, whether in use or not.

    """

    id: str
    name: str
    offers: Mapping[str, float]

    def slots(self, needs: Mapping[str, float]) -> int:
        """Count the trials that it can hold at a time."""
        return min(math.floor(self.offers.get(name, 0.0) / amount + 1e-6) for name, amount in needs.items())


def check_nodes(spec: SweepSpec, folder: Path, *, is_own: bool) -> None:
    """Find every reason why nodes can't run the trials of a sweep.

    Nodes that can't hold a trial are not asked: none will run there. A Ray of our own is this machine with this Python,
    so that only what it offers is looked at.

    Args:
        spec: The sweep.
        folder: Of the sweep; it exists.
        is_own: Whether Ray is our own.

    Raises:
        UnfitClusterError: It names all faults of all nodes.

    """
    nodes, needs = alive_nodes(), spec.trial.resources.by_name
    able = [node for node in nodes if node.slots(needs)]
    faults = [] if able else [_nowhere(nodes, needs, is_own=is_own)]
    if not is_own:
        faults.extend(_faults_of_nodes(able or nodes, spec, folder))
    if faults:
        raise UnfitClusterError(faults)
    pack = max(SIZES) if spec.trial.pack == "auto" else spec.trial.pack
    if (slots := pack * sum(node.slots(needs) for node in able)) < spec.search.concurrency:
        _log.warning("search.concurrency is %d, but the nodes hold %d trials at a time", spec.search.concurrency, slots)


def alive_nodes() -> list[Node]:
    """List the nodes of the cluster that Ray is connected to."""
    return [
        Node(
            row["NodeID"],
            f"{row['NodeManagerAddress']} ({row['NodeManagerHostname']}, {row['NodeID'][:8]})",
            row["Resources"],
        )
        for row in ray.nodes()
        if row["Alive"]
    ]


def _nowhere(nodes: Sequence[Node], needs: Mapping[str, float], *, is_own: bool) -> str:
    offers = "; ".join(f"{node.name} offers {_amounts(node.offers, needs)}" for node in nodes)
    place = "this machine" if is_own else "a node that has it, or wait for one to join"
    cure = "search.address to a cluster that has it" if is_own else place
    return (
        f"no node can hold one trial, which takes {_amounts(needs, needs)} (trial.resources): {offers}; "
        f"lower trial.resources, or {'set' if is_own else 'add'} {cure}"
    )


def _amounts(offers: Mapping[str, float], needs: Mapping[str, float]) -> str:
    return ", ".join(f"{offers.get(name, 0.0):g} {name}" for name in needs)


def _faults_of_nodes(nodes: Sequence[Node], spec: SweepSpec, folder: Path) -> list[str]:
    """Ask all nodes at once."""
    paths, nonce = _paths(spec), secrets.token_hex(16)
    meeting = folder.absolute() / f".probe-{secrets.token_hex(4)}"
    meeting.mkdir()
    try:
        (meeting / "driver").write_text(nonce)
        here = NodeFacts.model_validate_json(
            node_facts.facts_of_node(str(meeting), "here", _PACKAGES, list(paths.values()))
        )
        found: list[str] = []
        for node, answer in zip(nodes, _answers(nodes, str(meeting), list(paths.values())), strict=True):
            faults = [answer] if isinstance(answer, str) else _faults(answer, here, paths)
            if isinstance(answer, NodeFacts) and spec.search.checkpoints is None:
                faults += _faults_of_folder(answer, node, meeting, nonce)
            found.extend(f"{node.name}: {fault}" for fault in faults)
        return found
    finally:
        shutil.rmtree(meeting, ignore_errors=True)


def _answers(nodes: Sequence[Node], meeting: str, paths: Sequence[str]) -> list[NodeFacts | str]:
    """Give what each node said, or why it said nothing."""
    cloudpickle.register_pickle_by_value(node_facts)
    try:
        ask: Any = ray.remote(num_cpus=0, max_retries=0)(node_facts.facts_of_node)
        asked = [
            ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False)).remote(
                meeting, node.id, _PACKAGES, paths
            )
            for node in nodes
        ]
        ray.wait(asked, num_returns=len(asked), timeout=_TIMEOUT_S)
    finally:
        cloudpickle.unregister_pickle_by_value(node_facts)
    return [_answer(reference) for reference in asked]


def _answer(reference: Any) -> NodeFacts | str:
    try:
        return NodeFacts.model_validate_json(ray.get(reference, timeout=0))
    except GetTimeoutError:
        ray.cancel(reference, force=True)
        return f"it did not answer within {_TIMEOUT_S:g} s; see Ray's logs there"
    except RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"it can't run a task: {lines[-1] if lines else type(error).__name__}"


def _faults_of_folder(facts: NodeFacts, node: Node, meeting: Path, nonce: str) -> list[str]:
    folder = meeting.parent
    if facts.seen != nonce:
        return [f"it does not see the sweep's folder {folder}; {_SHARE}"]
    if facts.fault:
        return [f"it can't write into the sweep's folder {folder}: {facts.fault}"]
    if not (meeting / node.id).is_file():
        return [f"what it writes into the sweep's folder {folder} does not arrive here; {_SHARE}"]
    return []


def _faults(facts: NodeFacts, here: NodeFacts, paths: Mapping[str, str]) -> list[str]:
    faults: list[str] = []
    wanted = here.versions["paretune"]
    if not facts.versions["paretune"] or not facts.code:
        faults.append(f"paretune is not installed; install paretune {wanted} into {facts.python}")
    elif facts.versions["paretune"] == wanted and facts.code != here.code:
        faults.append(f"its paretune {wanted} has other code than the one here; install the same")
    for package, version in here.versions.items():
        there = facts.versions[package]
        if _public(there) != _public(version) and (there or package != "paretune"):
            faults.append(f"{package} is {there or 'absent'}, here it is {version}; install the same")
    by_path = {path: key for key, path in paths.items()}
    faults.extend(
        f"{by_path[path]}: {path} is not there; put it on every node, or on a file system that all nodes mount"
        for path in facts.missing
        if path not in here.missing
    )
    return faults


_SHARE = "choose one on a file system that all nodes mount under one path (--out), or set search.checkpoints"


def _public(version: str) -> str:
    """Leave out what a build adds, such as ``+cpu``."""
    return version.partition("+")[0]


def _paths(spec: SweepSpec) -> Mapping[str, str]:
    """Give the files and folders that trials read, by key; a sweep file's paths are absolute by now."""
    paths = {
        f"data.sources.{place}.{key}": value
        for place, source in enumerate(spec.data.sources)
        for key, value in source
        if isinstance(value, str) and os.path.isabs(value)  # noqa: PTH117
    }
    if os.path.isabs(spec.model.path):  # noqa: PTH117
        paths["model.path"] = spec.model.path
    return paths
