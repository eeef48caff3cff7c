"""Tasteloop on the peers' workload: a run like any other, its log on disk, then its metrics from that log.

A step of the peers (every user is shown a slate by what was learned up to the step before, and chooses) is a day of
one visit of one page here: windows of a day, lag 1, a refit a day.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

FEWEST = 1_000
"""Users in the invented data: personas are drawn like theirs, and with fewer there is nothing to learn from."""


def scenario_of(users: int, items: int, slate: int, steps: int) -> dict[str, Any]:
    """Return the scenario: rule users who take at most one item of a page, and nearly always one."""
    return {
        "name": "peers",
        "days": steps,
        "data": {"kind": "synthetic:small", "users": max(FEWEST, users // 10), "items": items},
        "users": {"count": users, "persona": {"kind": "sampled"}, "sessions_per_day": 1.0, "max_pages": 1},
        "behavior": {"kind": "cascade", "attraction": 1.0},
        "choice": {"examination": 1.0, "eta": 1.0},
        "recommender": {"kind": "popularity", "slate_size": slate, "retrain": "1d", "exclude_seen": False},
        "platform": {"window": "1d", "visibility_lag": 1},
    }


def executed(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run it and return its pages and seconds; making the users is not counted, as it is not for the peers."""
    from analysis.finish import measure_cells
    from analysis.load import load_study
    from simulator.cast import gather
    from simulator.run import budget_of, models, run
    from simulator.scenario import Scenario

    scenario = Scenario.model_validate(content)
    with models(scenario, folder / "answers.journal") as dispatcher:
        cast = gather(scenario, dispatcher, lambda _share, _what: None)
        began, busy = time.perf_counter(), time.process_time()
        counts = run(scenario, folder, dispatcher, budget_of(scenario), cast=cast)["counts"]
        ran = time.perf_counter()
    measure_cells(load_study(folder).cells)
    ended = time.perf_counter()
    return {
        "pages": counts["pages"],
        "choices": counts["watches"],
        "run_s": ran - began,
        "metrics_s": ended - ran,
        "cpu_s": time.process_time() - busy,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("users", "items", "slate", "steps"):
        parser.add_argument(f"--{name}", type=int, required=True)
    asked = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as place:
        executed(scenario_of(**asked | {"users": 10, "steps": 2}), Path(place) / "imports")  # not counted, as for peers
        print(json.dumps(executed(scenario_of(**asked), Path(place) / "run")))
