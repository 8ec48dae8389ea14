"""Starts a Ray of our own or joins a cluster, so that workers find our packages and nobody else's."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import ray._private.worker
from ray._private import services
from ray._raylet import GcsClient  # pyright: ignore[reportAttributeAccessIssue] compiled, without types
from ray.exceptions import RpcError

from search.errors import UnfitClusterError
from search.spec import SweepSpec

_OBJECT_STORE_BYTES = 100 * 2**20
_VITAL = ("raylet", "gcs_server")
_SILENCE_S = 20.0
_PATIENCE_S = 2.0
_CONNECT_S = 10.0


@dataclass(frozen=True)
class Cluster:
    """A Ray that this process is connected to.

    Attributes:
        scratch: A temporary folder for Ray's own files, which nothing is ever read back from.
        is_own: Whether we started it, and can start it anew.
        loss: Tells why Ray is gone, or an empty text. Called from any thread.

    """

    scratch: Path
    is_own: bool
    loss: Callable[[], str]


@contextmanager
def connected_ray(spec: SweepSpec) -> Iterator[Cluster]:
    """Connect to the Ray that a sweep names, and leave it; a Ray of our own is started, and stopped.

    Ray puts the driver's folder first on the import path of every worker, so a user's ``search.py`` there would win
    over ours; giving the job an empty working folder turns that off. The address ``local`` keeps Ray from joining a
    cluster that happens to run here.

    Args:
        spec: Its trials need ``trial.resources`` each, ``search.concurrency`` at once.

    Raises:
        UnfitClusterError: If no cluster answers at the address.

    """
    # it would list failed trials with their tracebacks; the record has them with their reasons
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="paretune-") as folder:
        empty = Path(folder) / "empty"
        empty.mkdir()
        try:
            loss = _start(spec, empty) if spec.search.address == "local" else _join(spec, empty)
            yield Cluster(Path(folder) / "ray", spec.search.address == "local", loss)
        finally:
            ray.shutdown()


def _settings(spec: SweepSpec, empty: Path) -> dict[str, Any]:
    threads = str(max(1, int(spec.trial.resources.cpus)))
    variables = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    return {
        "address": spec.search.address,
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "runtime_env": {"working_dir": str(empty), "env_vars": variables | {"TOKENIZERS_PARALLELISM": "false"}},
    }


def _start(spec: SweepSpec, empty: Path) -> Callable[[], str]:
    """Start a Ray of our own; its processes are our children."""
    needed = int(spec.trial.resources.cpus * spec.search.concurrency)
    ray.init(
        num_cpus=max(os.cpu_count() or 1, needed),
        include_dashboard=False,
        object_store_memory=_OBJECT_STORE_BYTES,
        **_settings(spec, empty),
    )
    node: Any = ray._private.worker._global_node

    def loss() -> str:
        dead = [kind for kind, _ in node.dead_processes() if kind in _VITAL]
        return f"Ray's process {dead[0]} died" if dead else ""

    return loss


def _join(spec: SweepSpec, empty: Path) -> Callable[[], str]:
    """Join a cluster; a node of it runs on this machine."""
    try:
        where = services.canonicalize_bootstrap_address(spec.search.address)  # Ray would try it for minutes
        host, _, port = str(where).rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()
        ray.init(**_settings(spec, empty))
    except (OSError, RuntimeError, ValueError) as error:
        raise UnfitClusterError([_refusal(spec.search.address, error)]) from error
    return _Pulse(ray.get_runtime_context().gcs_address, ray.get_runtime_context().get_node_id())


def _refusal(address: str, error: Exception) -> str:
    words = str(error).strip().splitlines()
    return (
        f"search.address: no Ray cluster can be joined at {address!r} from this machine: "
        f"{words[0] if words else type(error).__name__}; start a node of it here by 'ray start', or set local"
    )


class _Pulse:
    """Asks a cluster's head whether it is there, and whether it still counts this machine's node.

    Args:
        address: Of the head, ``HOST:PORT``.
        node: Id of this machine's node.

    """

    def __init__(self, address: str, node: str) -> None:
        self._address, self._node = address, ray.NodeID.from_hex(node)
        self._client = GcsClient(address=address)
        self._heard = time.monotonic()

    def __call__(self) -> str:
        try:
            (is_alive,) = self._client.check_alive([self._node], _PATIENCE_S)
        except RpcError:
            silent_s = time.monotonic() - self._heard
            is_gone = silent_s > _SILENCE_S
            return (
                f"the head of the Ray cluster at {self._address} has not answered for {silent_s:.0f} s"
                if is_gone
                else ""
            )
        self._heard = time.monotonic()
        return "" if is_alive else f"this machine's node of the Ray cluster at {self._address} is gone"
