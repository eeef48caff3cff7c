"""A Ray cluster: one on this machine for as long as a command runs, or one that is there already."""

import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from agents.errors import InvalidInput, MissingResource
from simulator.execution.pool import cores, use_threads
from simulator.recommenders.base import State

A_PLACE = 0.001
"""Of a processor, as Ray counts them: what runs there goes to nodes that have any, and takes nobody's place."""
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_DEDUP_LOGS": "0"}
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray's one switch for listening on the loopback address alone, whatever the system."""
REACH_S = 5.0
"""How long a cluster may take to answer at all."""
AGAIN = 3
"""How often a task is done again whose worker or node was lost."""


class Lost(MissingResource):
    """A worker or its node is gone; what the run has committed is not."""


def address(where: str) -> str | None:
    """Return the address of the cluster that ``--on`` names, None for one of this machine's own.

    >>> address("ray"), address("ray:10.0.0.5:6379")
    (None, '10.0.0.5:6379')
    """
    kind, _, address = where.partition(":")
    host, _, port = address.rpartition(":")
    if kind != "ray" or (":" in where and not (host and port.isdecimal() and "/" not in host)):
        raise InvalidInput(f"--on {where}: write ray, or ray:HOST:PORT for a cluster that is running")
    return address or None


@contextmanager
def connected(where: str, threads: int) -> Iterator[int]:
    """Connect to the cluster that ``--on`` names; yield how many jobs of so many threads it can run at once.

    A cluster of this machine's own listens on the loopback address, asks for a token made for it, and ends with the
    context. Raise MissingResource without the extra ray, or where there is no cluster.
    """
    place = address(where)
    os.environ |= {name: os.environ.get(name, value) for name, value in QUIET.items()}
    if place is None or place.startswith(("127.", "localhost:")):
        os.environ |= LOOPBACK
    if place is None:
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(16))
    try:
        import ray
    except ImportError:
        raise MissingResource("--on ray needs the extra ray; pip install -c constraints.txt -e '.[ray]'") from None
    if place is not None:
        _reach(place)
    own: dict[str, Any] = (
        {"address": "local", "num_cpus": cores(1), "include_dashboard": False} if place is None else {"address": place}
    )
    try:
        ray.init(**own, log_to_driver=False, logging_level="error")
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        what = f"the Ray cluster at {place} cannot be used" if place else "Ray does not start on this machine"
        raise MissingResource(f"{what}: {str(error).splitlines()[0]}") from error
    try:
        jobs = sum(int(node["Resources"].get("CPU", 0)) // threads for node in ray.nodes() if node["Alive"])
        if not jobs:
            raise MissingResource(f"no node of the cluster has {threads} processor(s) to give: see engine.threads")
        yield jobs
    finally:
        ray.shutdown()


def _reach(place: str) -> None:
    """Raise MissingResource where nobody listens: Ray itself would try for minutes."""
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=REACH_S).close()
    except OSError as error:
        raise MissingResource(
            f"there is no Ray cluster at {place}: {error.strerror or error}; start one with: ray start --head"
        ) from error


@contextmanager
def told_apart() -> Iterator[None]:
    """Turn what Ray raises into Lost where a worker or node is gone, else into what was raised there."""
    import ray

    try:
        yield
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        raise Lost(f"a worker or a node is gone: {str(error).splitlines()[0]}") from error


def fit_there(threads: int, work: Callable[[], State]) -> State:
    """Let the cluster do a recommender's fit; where that is lost with a worker, it is done again."""
    import ray

    with told_apart():
        fitted: State = ray.get(ray.remote(num_cpus=A_PLACE, max_retries=AGAIN)(_fit).remote(threads, work))
    return fitted


def _fit(threads: int, work: Callable[[], State]) -> State:
    use_threads(threads)
    return work()
