"""``bench memory``: whether a long run holds more memory than a short one."""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks._runs import apart


def measure(progress: Callable[[str], None], users: int = 1_000, days: int = 1_000) -> dict[str, Any]:
    """Run calibrated users for ``days`` days with weekly retraining on the last thirty, the log on disk.

    ``ratio`` is the resident memory (MB) at the last day over that at a tenth of the way, ``mb_by_day`` both and
    those between; one process, read at the window ends at which the days begin.
    """
    progress(f"{users:,} users for {days:,} days")
    by_day = apart("tests.benchmarks.memory", str(users), str(days))
    held = list(by_day.values())
    return {"users": users, "days": days, "ratio": held[-1] / held[0], "mb_by_day": by_day}


def _hold(users: int, days: int) -> dict[int, float]:
    """Return the resident memory in MB at ten days of a run."""
    from simulator.run import Doing, Snapshot, budget_of, models, run
    from simulator.scenario import Scenario

    scenario = Scenario.model_validate(
        {
            "name": "memory",
            "seed": 1,
            "days": days,
            "data": {"kind": "synthetic:small", "min_interactions": 1},
            "users": {"count": users},
            "behavior": {"kind": "calibrated"},
            "recommender": {
                "kind": "item_knn",
                "slate_size": 10,
                "retrain": "7d",
                "fit_window": "30d",
                "exclude_seen": False,
            },
            "platform": {"window": "1h"},
        }
    )
    held: dict[int, float] = {}
    marks = [days * tenth // 10 for tenth in range(1, 11)]

    def watch(seen: Snapshot | Doing) -> None:
        if isinstance(seen, Snapshot) and len(held) < len(marks) and seen.day >= marks[len(held)]:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            held[marks[len(held)]] = pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    with tempfile.TemporaryDirectory() as folder, models(scenario, Path(folder) / "answers.journal") as dispatcher:
        run(scenario, Path(folder), dispatcher, budget_of(scenario), watch=watch)
    return held


if __name__ == "__main__":
    print(json.dumps(_hold(int(sys.argv[1]), int(sys.argv[2]))))
