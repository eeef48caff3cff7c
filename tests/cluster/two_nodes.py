"""A Ray cluster of two nodes on this machine, in a process of its own: told to lose and to get a node on stdin."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from simulator.execution.cluster import LOOPBACK, QUIET

TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef0123456789abcdef"}
SETTINGS = LOOPBACK | QUIET | TOKEN


class TwoNodes:
    """The cluster as a test holds it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.on = f"ray:{self._answer()}"
        """What ``--on`` takes."""

    def lose(self) -> None:
        """Kill the node that is not the head, with all its workers."""
        self._tell("lose")

    def regain(self) -> None:
        """Start another one in its place."""
        self._tell("regain")

    def _tell(self, word: str) -> None:
        assert self._process.stdin is not None
        print(word, file=self._process.stdin, flush=True)
        assert self._answer() == "done"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def running() -> Iterator[TwoNodes]:
    """Yield the cluster, ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cluster.two_nodes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield TwoNodes(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0


def _main() -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    print(cluster.address, flush=True)
    for word in sys.stdin:
        if word.strip() == "lose":
            cluster.remove_node(second, allow_graceful=False)
        else:
            second = cluster.add_node(num_cpus=1)
            cluster.wait_for_nodes()
        print("done", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    _main()
