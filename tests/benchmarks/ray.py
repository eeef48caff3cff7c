"""``bench ray``: what it costs to have the users of one run in shards on a Ray cluster of this machine."""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks._runs import apart
from tests.benchmarks.columns import scenario

OVERHEAD = 1.25
"""Wall time in two shards may be so many times that of the single process, on the same cores."""


def measure(
    progress: Callable[[str], None], users: int = 1_000_000, days: float = 1.0, few: int = 2_000, shards: int = 2
) -> dict[str, Any]:
    """Run ``users`` calibrated users in columns, in this process and in shards, then a few with little to do.

    ``overhead_ratio`` is the wall time of the sharded run over that of the single process, gathering users and
    starting the cluster apart (``set_up_s``), starting the workers included; ``cpu_ratio`` the same of processor
    time, Ray's own processes included. ``barrier_ms`` is the wall time from one window to the next that ``few`` users
    take longer in shards: what is left is telling, waiting, collecting. ``commit_us_per_page`` is what this process
    needs to fold, hash and write a page, which no shard can take from it; ``step_us_per_page`` is the processor time
    of everything else. ``bytes_per_page`` and ``bytes_per_user_day`` are what shards hand over, ``version_bytes`` what
    each is told of a window.
    """
    rows = []
    for place, count, length in (
        ("alone", users, days), ("shards", users, days), ("alone", few, 1.0), ("shards", few, 1.0)
    ):  # fmt: skip
        progress(f"{count:,} users, {length:g} days, {place}")
        with tempfile.TemporaryDirectory() as folder:
            rows.append(apart("tests.benchmarks.ray", folder, place, str(count), str(length), str(shards)))
    alone, sharded, quiet, told = rows
    assert alone["log_digest"] == sharded["log_digest"]
    assert quiet["log_digest"] == told["log_digest"]
    return {
        "users": users,
        "days": days,
        "shards": shards,
        "overhead_ratio": sharded["run_s"] / alone["run_s"],
        "cpu_ratio": sharded["cpu_s"] / alone["cpu_s"],
        "target": OVERHEAD,
        "commit_us_per_page": 1e6 * sharded["commit_s"] / sharded["pages"],
        "step_us_per_page": 1e6 * (alone["cpu_s"] - alone["commit_s"]) / alone["pages"],
        "barrier_ms": 1000 * (told["windows_s"] - quiet["windows_s"]) / (told["windows"] - 1),
        "bytes_per_page": sharded["bytes"] / sharded["pages"],
        "bytes_per_user_day": sharded["bytes"] / users / days,
        "version_bytes": sharded["version_bytes"],
        "rows": rows,
    }


@dataclass
class Counts:
    """What the committing process took in and did."""

    bytes: int = 0
    version_bytes: int = 0
    commit_s: float = 0.0
    moments: list[float] = field(default_factory=list)
    """When each window was committed."""


def _play(folder: Path, place: str, users: int, days: float, shards: int) -> dict[str, Any]:
    from simulator.cast import gather
    from simulator.execution.cluster import connected
    from simulator.run import budget_of, models, run
    from simulator.scenario import Scenario

    whole, counts = Scenario.model_validate(scenario("calibrated", users, days)), _counted()
    began = time.perf_counter()
    with (
        connected("ray", 1) if place == "shards" else nullcontext(0) as jobs,
        models(whole, folder / "answers.journal") as dispatcher,
    ):
        cast = gather(whole, dispatcher)
        ready, busy, seen = time.perf_counter(), _processor_s(), [0.0]

        def watch(_: Any) -> None:
            if time.perf_counter() - seen[0] > 0.5:
                seen[:] = [time.perf_counter(), _processor_s()]

        budget, parts = budget_of(whole), min(shards, jobs or 0)
        manifest = run(whole, folder, dispatcher, budget, cast=cast, watch=watch, shards=parts)
        run_s = time.perf_counter() - ready
        cpu_s = max(_processor_s(), *seen[1:]) - busy
    return {
        "place": place,
        "users": users,
        "pages": manifest["counts"]["pages"],
        "windows": len(counts.moments),
        "start_s": counts.moments[0] - ready,
        "windows_s": counts.moments[-1] - counts.moments[0],
        "set_up_s": ready - began,
        "run_s": run_s,
        "cpu_s": cpu_s,
        "commit_s": counts.commit_s,
        "bytes": counts.bytes,
        "version_bytes": counts.version_bytes,
        "log_digest": manifest["log_digest"],
    }


def _counted() -> Counts:
    """Count from now on what commits take in and how long they take; this process plays one run and ends."""
    from simulator.commits import CommitLog
    from simulator.record import Record, Waiting
    from simulator.window import Horizon
    from simulator.world import World

    counts = Counts()
    take_in, commit = Record.take_in, Horizon.commit

    def timed(method: Callable[..., Any]) -> Callable[..., Any]:
        def stopped(*words: Any) -> Any:
            began = time.perf_counter()
            found = method(*words)
            counts.commit_s += time.perf_counter() - began
            return found

        return stopped

    def taken_in(self: Record, waiting: Waiting) -> None:
        counts.bytes += sum(
            column.nbytes
            for tables in waiting.blocks.values()
            for parts in tables.values()
            for part in parts
            for columns in part
            for column in columns.values()
        )
        take_in(self, waiting)

    def committed(self: Horizon, version: Any) -> None:
        counts.moments.append(time.perf_counter())
        counts.version_bytes = sum(getattr(version, name).nbytes for name in ("popularity", "withheld", "released"))
        commit(self, version)

    Record.take_in, Horizon.commit = taken_in, committed  # type: ignore[method-assign]
    World.commit, CommitLog.commit = timed(World.commit), timed(CommitLog.commit)  # type: ignore[method-assign]
    return counts


def _processor_s() -> float:
    """Return the processor time of this process and of all that it started and that are still there."""
    import psutil

    me, total = psutil.Process(), 0.0
    for process in (me, *me.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


if __name__ == "__main__":
    folder, place, users, days, shards = sys.argv[1:]
    print(json.dumps(_play(Path(folder), place, int(users), float(days), int(shards))))
