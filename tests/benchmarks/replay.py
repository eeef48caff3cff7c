"""``bench replay``: how fast a run goes whose answers are all recorded."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulator.cast import gather
from simulator.run import budget_of, models, run
from simulator.scenario import Scenario


def measure(progress: Callable[[str], None], users: int = 600, days: float = 0.6) -> dict[str, Any]:
    """Record a run of language-model users, then run it again from its journal alone.

    ``decisions_per_second`` is language-model decisions over the wall time of the second run, full
    log on, the cast gathered beforehand; ``recorded_per_second`` is that of the first one, whose
    scripted answers cost their own making. Both logs must be the same.
    """
    scenario = _scenario(users, days)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        progress("recording")
        digest, _, recorded = _timed(scenario, home / "first", home / "answers.journal", None)
        progress("replaying")
        again, decisions, replayed = _timed(scenario, home / "again", home / "unused", home / "answers.journal")
    if again != digest:
        raise AssertionError("the replayed run differs from the recorded one")
    return {
        "decisions": decisions,
        "decisions_per_second": decisions / replayed,
        "recorded_per_second": decisions / recorded,
    }


def _timed(scenario: Scenario, folder: Path, answers: Path, replay: Path | None) -> tuple[str, int, float]:
    """Return the log's digest, the decisions and the seconds of a run."""
    with models(scenario, answers, replay) as dispatcher:
        cast = gather(scenario, dispatcher)
        began = time.perf_counter()
        manifest = run(scenario, folder, dispatcher, budget_of(scenario), cast=cast)
        seconds = time.perf_counter() - began
    return manifest["log_digest"], manifest["counts"]["llm_decisions"], seconds


def _scenario(users: int, days: float) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "bench",
            "seed": 11,
            "days": days,
            "data": {"kind": "synthetic:small"},
            "users": {"count": users, "sessions_per_day": 200.0},
            "behavior": {"kind": "llm", "model": "local", "decide": "structured"},
            "llm": {"local": {"kind": "scripted"}},
            "recommender": {"kind": "popularity", "slate_size": 5},
        }
    )
