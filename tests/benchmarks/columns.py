"""``bench columns``: how many pages a second a population moves in columns, everything logged."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks._runs import played

TARGET = 60_000
"""Pages a second on one core."""


def measure(
    progress: Callable[[str], None],
    users: int = 1_000_000,
    days: float = 0.25,
    behaviors: tuple[str, ...] = ("calibrated", "affinity", "cascade", "uniform"),
) -> dict[str, Any]:
    """Run ``users`` invented users who meet the popular items of a catalog of 1,000, slates of 10, on one core.

    Each behavior has a run in a process of its own, gathering its users included in ``set_up_s`` only;
    ``pages_per_second``, ``impressions_per_second`` and ``rss_mb`` (the largest the process was) are those of
    the first. A page counts from the request to its rows in sealed, synced Parquet files; the rate is by wall
    time, ``pages_per_cpu_second`` by processor time, which other load on the machine does not enter.
    """
    rows = []
    for behavior in behaviors:
        progress(f"{users:,} {behavior} users, {days:g} days")
        with tempfile.TemporaryDirectory() as folder:
            rows.append({"behavior": behavior} | played(Path(folder), scenario(behavior, users, days)))
    first = rows[0]
    names = ("pages_per_second", "pages_per_cpu_second", "impressions_per_second", "rss_mb")
    return {"users": users, "days": days} | {name: first[name] for name in names} | {"target": TARGET, "rows": rows}


def scenario(behavior: str, users: int, days: float) -> dict[str, Any]:
    """Return a platform that shows what is popular to users who are nobody's copy."""
    return {
        "name": "columns",
        "seed": 1,
        "days": days,
        "data": {"kind": "synthetic:small", "min_interactions": 5},
        "users": {"count": users, "persona": {"kind": "sampled"}},
        "behavior": {"kind": behavior},
        "recommender": {"kind": "popularity", "slate_size": 10, "retrain": "1d"},
    }
