"""A Ray cluster of several nodes on this machine, in a process and a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_TEMPORARY = "RAY_TMPDIR"
"""Ray notes its latest cluster there; its own default is shared by all users of the machine."""


@dataclass(frozen=True)
class MadeNode:
    """A node that runs: its id and the process of its raylet."""

    id: str
    raylet: int


class RayCluster:
    """Starts nodes as asked, the head first; all end with the block."""

    def __enter__(self) -> Self:
        self._folder = tempfile.mkdtemp(prefix="pt", dir="/tmp")  # the paths of Ray's sockets must be short
        own = {_TEMPORARY: self._folder, "RAY_USAGE_STATS_ENABLED": "0"}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env={name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"} | own,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.address = ""
        return self

    def __exit__(self, *problem: object) -> None:
        try:
            self._process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, **settings: Any) -> MadeNode:
        """Add a node with the settings of ``ray.cluster_utils.Cluster.add_node``."""
        answer = self._ask({"add": settings})
        self.address = answer["address"]
        return MadeNode(answer["id"], answer["raylet"])

    @property
    def head(self) -> int:
        """The process that answers for the cluster."""
        return self._ask({"head": True})["pid"]

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise AssertionError("the cluster's process ended")


def _serve() -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    for line in sys.stdin:
        question = json.loads(line)
        if "add" in question:
            node = cluster.add_node(include_dashboard=False, object_store_memory=80 * 2**20, **question["add"])
            raylet = node.all_processes["raylet"][0].process.pid
            answer = {"id": node.node_id, "raylet": raylet, "address": cluster.address}
        else:
            assert cluster.head_node
            answer = {"pid": cluster.head_node.all_processes["gcs_server"][0].process.pid}
        print(json.dumps(answer), flush=True)
    for node in cluster.list_all_nodes():
        node.kill_all_processes(check_alive=False, allow_graceful=False, wait=False)


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))  # its modules are no business of Ray's
    _serve()
