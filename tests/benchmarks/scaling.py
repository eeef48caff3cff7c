"""``bench scaling``: whether a user costs the same in a small and in a large population."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks._runs import played
from tests.benchmarks.columns import scenario


def measure(
    progress: Callable[[str], None], sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000), pages: int = 400_000
) -> dict[str, Any]:
    """Run populations of each size for as long as about ``pages`` pages take, in columns, calibrated, on one core.

    ``cost_ratio_1e6_1e4`` is the processor time a page of the largest population over that of the smallest; a user has
    as many pages a day in both. Gathering users is not in it (``set_up_s`` is per population).
    """
    rows = []
    for users in sizes:
        days = round(pages / (users * 2.6), 2)
        progress(f"{users:,} users for {days:g} days")
        with tempfile.TemporaryDirectory() as folder:
            row = played(Path(folder), scenario("calibrated", users, days))
        rows.append({"users": users, "days": days, "cpu_us_per_page": 1e6 / row["pages_per_cpu_second"]} | row)
    return {"cost_ratio_1e6_1e4": rows[-1]["cpu_us_per_page"] / rows[0]["cpu_us_per_page"], "rows": rows}
