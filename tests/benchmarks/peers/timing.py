"""What every driver does: run a peer's closed loop for some steps, keep the time, print one line of JSON.

Standard library only: the peers' environments have nothing of this project.
"""

import argparse
import importlib.metadata
import json
import time
import warnings
from collections.abc import Callable, Iterator, Mapping

Loop = Callable[[int, int, int], Iterator[None]]
"""Called with users, items and slate size; yields once when it is set up, then after each step of all users."""


def measure(package: str, loops: Mapping[str, Loop]) -> None:
    """Time each loop for ``--steps`` steps, or until its ``--seconds`` are over, setting up apart."""
    parser = argparse.ArgumentParser()
    for name in ("users", "items", "slate", "steps"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for name, loop in loops.items():
        steps, seconds, cpu_s = timed(loop(asked.users, asked.items, asked.slate), asked.steps, asked.seconds)
        rows.append({"configuration": name, "steps": steps, "seconds": seconds, "cpu_s": cpu_s})
    print(json.dumps({"version": importlib.metadata.version(package), "configurations": rows}))


def timed(loop: Iterator[None], steps: int, seconds: float) -> tuple[int, float, float]:
    """Return how many steps were made, at least one, and how long they took by the clock and of the processor."""
    next(loop)
    made, began, busy, spent = 0, time.perf_counter(), time.process_time(), 0.0
    while made < steps and spent <= seconds:
        next(loop)
        made, spent = made + 1, time.perf_counter() - began
    return made, spent, time.process_time() - busy
