"""Whether the Ray that a sweep would use answers, and what the environment says of it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from search.doctor.finding import Finding, ok, problem, watch

_CURRENT = Path("/tmp/ray/ray_current_cluster")
"""Where `ray start` leaves the address of its head."""
_TOKEN_FILE = Path(".ray") / "auth_token"
_CONNECT_S = 3.0


def ray_findings(address: str, environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Look at the address of a cluster, the variables that change it, and the token.

    Args:
        address: ``local``, ``auto`` or ``HOST:PORT``, as in ``search.address``.
        environment: Variables of this process.

    """
    named = environment.get("RAY_ADDRESS", "")
    if address == "local":
        yield _unused(named)
    else:
        target = _target(address, named)
        if target is None:
            yield problem("Ray", "no cluster runs on this machine and RAY_ADDRESS is not set", "run ray start here")
        else:
            yield connection_finding(target)
    yield from token_findings(environment)


def _unused(named: str) -> Finding:
    if not named:
        return ok("Ray", "a sweep starts its own")
    answers = connection_finding(named).state == "ok"
    words = f"RAY_ADDRESS is {named}, where {'a cluster answers' if answers else 'nothing answers'}"
    return watch("Ray", f"{words}; search.address: local does not use it", "set search.address: auto to run there")


def _target(address: str, named: str) -> str | None:
    if address != "auto":
        return address
    if named and named not in ("auto", "local"):
        return named
    try:
        return _CURRENT.read_text().strip() or None
    except OSError:
        return None


def connection_finding(target: str) -> Finding:
    """Try to reach a head."""
    host, _, port = target.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return problem("Ray", f"nothing answers at {target}: {reason}", "see that its head runs and the port is open")
    return ok("Ray", f"a cluster answers at {target}")


def token_findings(environment: Mapping[str, str]) -> Iterator[Finding]:
    """See that a token is there if Ray is told to use one."""
    if environment.get("RAY_AUTH_MODE", "").lower() != "token":
        return
    path = environment.get("RAY_AUTH_TOKEN_PATH")
    file = Path(path) if path else Path.home() / _TOKEN_FILE
    if environment.get("RAY_AUTH_TOKEN"):
        yield ok("Ray's token", "in RAY_AUTH_TOKEN")
    elif file.is_file() and os.access(file, os.R_OK) and file.stat().st_size:
        yield ok("Ray's token", f"in {file}")
    else:
        fix = "put the cluster's token there, or into RAY_AUTH_TOKEN"
        yield problem("Ray's token", f"RAY_AUTH_MODE is token, but {file} holds none", fix)
