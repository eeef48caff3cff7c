"""The closed loop against other simulators of recommender systems: user-steps a second, one core, one invocation.

Users x 1,000 items x slates of 10 x steps, at most one choice a visit, a recommender that learns from the choices.
Every configuration of a peer runs in a fresh process for the same steps, or for ``seconds``, its set-up not counted,
its metrics and state logs off; the fastest counts for the peer. Tasteloop runs with its full log on disk, a refit
after every step, and then its metrics; making its users is not counted either. ``ratio`` is its user-steps a second
(run and metrics) over the peer's at the same size, ``ratio_without_metrics`` the run's alone; ``ratio_cpu`` is
``ratio`` with processor time for the clock's, for machines that do other things as well.

The peers live in virtual environments of their own in the cache folder, made once from the pinned files beside the
drivers (``peers/*.txt``, ``peers/run_*.py``). One that cannot be installed or run becomes a row with the reason.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agents.cache import home

DRIVERS = Path(__file__).parent / "peers"
ROOT = Path(__file__).parents[2]
PEERS = {"trecs": "T-RECS", "reclab": "RecLab", "recsim": "RecSim (recsim-no-tf)", "sardine": "SARDINE"}
"""Name of the driver and the pinned file -> name of the peer."""

ITEMS, SLATE = 1_000, 10
GRACE_S = 120.0
"""What a driver may take beyond the time of its configurations: imports, set-up, the last step begun."""


def measure(
    progress: Callable[[str], None],
    *,
    sizes: Sequence[int] = (100, 1_000, 10_000),
    steps: int = 100,
    seconds: float = 10.0,
    peers: Sequence[str] = tuple(PEERS),
) -> dict[str, Any]:
    """Return one row per size and configuration of a peer, and our own figures per size."""
    pythons = {}
    for peer in peers:
        progress(f"environment of {PEERS[peer]}")
        pythons[peer] = environment(peer)
    ours, rows = [], []
    with one_core():
        for users in sizes:
            progress(f"{users:,} users: Tasteloop")
            ours.append(own(users, steps))
            for peer, python in pythons.items():
                progress(f"{users:,} users: {PEERS[peer]}")
                rows += compared(peer, python, ours[-1], seconds)
    return {"tasteloop": ours, "peers": rows}


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this thread, and every process it starts, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def environment(peer: str) -> Path | str:
    """Return the python of a peer's environment, made where it is not there yet, or why it cannot be made."""
    pinned = DRIVERS / f"{peer}.txt"
    key = hashlib.sha256(pinned.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = home() / "peers" / f"{peer}-{key}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    try:
        venv.create(folder, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no environment: {error}"
    install = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "-r",
        str(pinned),
    ]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"not installed: {reason(done.stderr)}"
    (folder / "complete").touch()
    return python


def own(users: int, steps: int) -> dict[str, Any]:
    """Run our side in a process of its own."""
    done = driven(Path(sys.executable), "tasteloop", users, steps, None, {"PYTHONPATH": str(ROOT)})
    if isinstance(done, str):
        raise RuntimeError(done)
    run_s, metrics_s, pages = done["run_s"], done["metrics_s"], done["pages"]
    return {
        "users": users,
        "steps": steps,
        **done,
        "user_steps_per_second": pages / (run_s + metrics_s),
        "user_steps_per_second_without_metrics": pages / run_s,
        "user_steps_per_cpu_second": pages / done["cpu_s"],
    }


def compared(peer: str, python: Path | str, ours: dict[str, Any], seconds: float) -> list[dict[str, Any]]:
    """Return the rows of one peer at the size of our own figures, its fastest configuration marked."""
    row = {"peer": PEERS[peer], "users": ours["users"]}
    done = python if isinstance(python, str) else driven(python, peer, ours["users"], ours["steps"], seconds, {})
    if isinstance(done, str):
        return [row | {"reason": done}]
    row["version"] = done["version"]
    rows = [row | figures(timed, ours) for timed in done["configurations"]]
    fastest = min(rows, key=lambda timed: timed["ratio"])
    return [timed | {"fastest": timed is fastest} for timed in rows]


def figures(timed: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """Return the speed of one configuration of a peer, and ours in relation to it."""
    made = ours["users"] * timed["steps"]
    speed = made / timed["seconds"]
    return {
        "configuration": timed["configuration"],
        "steps": timed["steps"],
        "user_steps_per_second": speed,
        "ratio": ours["user_steps_per_second"] / speed,
        "ratio_without_metrics": ours["user_steps_per_second_without_metrics"] / speed,
        "ratio_cpu": ours["user_steps_per_cpu_second"] / (made / timed["cpu_s"]),
    }


def driven(
    python: Path, driver: str, users: int, steps: int, seconds: float | None, extra: dict[str, str]
) -> dict[str, Any] | str:
    """Run a driver and return what its last line says, or why there is none."""
    asked = {"users": users, "items": ITEMS, "slate": SLATE, "steps": steps} | ({"seconds": seconds} if seconds else {})
    options = [word for name, value in asked.items() for word in (f"--{name}", str(value))]
    limit = None if seconds is None else 4 * seconds + GRACE_S
    try:
        with tempfile.TemporaryDirectory() as aside:  # some write log files where they stand
            done = subprocess.run(
                [python, "-W", "ignore", DRIVERS / f"run_{driver}.py", *options],
                capture_output=True,
                text=True,
                check=False,
                timeout=limit,
                cwd=aside,
                env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | extra,
            )
    except subprocess.TimeoutExpired:
        return f"not finished within {limit:.0f} s"
    if done.returncode:
        return f"not run: {reason(done.stderr)}"
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def reason(stderr: str) -> str:
    """Return the line of an error output that says most: pip's first error, else the last line.

    >>> reason("WARNING: slow\\nERROR: No matching distribution\\nhint: none")
    'ERROR: No matching distribution'
    >>> reason("Traceback\\nImportError: no module")
    'ImportError: no module'
    """
    lines = stderr.strip().splitlines() or ["nothing was said"]
    return next((line for line in lines if line.startswith("ERROR:")), lines[-1])
