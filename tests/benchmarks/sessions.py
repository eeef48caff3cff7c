"""``bench sessions``: how many pages a second users have on SimPy clocks of their own, everything logged."""

import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import simpy

from tests.benchmarks._runs import played
from tests.benchmarks.columns import scenario

TARGET = 20_000
"""Pages a second on one core."""


def measure(progress: Callable[[str], None], users: int = 10_000, days: float = 4.0) -> dict[str, Any]:
    """Run ``users`` calibrated users on clocks, then in columns, then clocks alone that do nothing.

    ``pages_per_second`` is the rate on clocks (by wall time; ``pages_per_cpu_second`` by processor time),
    ``columns_ratio`` how much faster the same pages are in columns, ``clocks_alone`` the pages a second of as many
    SimPy environments with one timeout a page and no recommender, user or log: what SimPy itself allows.
    """
    figures: dict[str, dict[str, Any]] = {}
    for columns in (False, True):
        progress(f"{users:,} users {'in columns' if columns else 'on clocks'}")
        with tempfile.TemporaryDirectory() as folder:
            entries = scenario("calibrated", users, days) | {"engine": {"columns": columns}}
            figures["columns" if columns else "clocks"] = played(Path(folder), entries)
    progress("clocks alone")
    clocks = figures["clocks"]
    assert clocks["log_digest"] == figures["columns"]["log_digest"]
    return {
        "users": users,
        "pages": clocks["pages"],
        "pages_per_second": clocks["pages_per_second"],
        "pages_per_cpu_second": clocks["pages_per_cpu_second"],
        "columns_ratio": figures["columns"]["pages_per_cpu_second"] / clocks["pages_per_cpu_second"],
        "clocks_alone": alone(users, max(clocks["pages"] // users, 1)),
        "target": TARGET,
    }


def alone(users: int, pages: int) -> float:
    """Return the pages a second of environments that only let time pass."""

    def life(env: simpy.Environment) -> Generator[simpy.Event, None, None]:
        for _ in range(pages):
            yield env.timeout(5.0)

    began = time.process_time()
    for _ in range(users):
        env = simpy.Environment()
        env.process(life(env))
        env.run()
    return users * pages / (time.process_time() - began)
