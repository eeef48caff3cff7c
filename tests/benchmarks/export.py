"""``bench export``: how long it takes to check a dataset of a million rows and write it in each layout."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.augment.dataset import FORMAT, TABLES, TrainingData, altered, read, write
from analysis.augment.gates import gates, require
from analysis.export.exporting import export, formats

ROWS = 1_000_000
TARGET_S = 60.0
USERS, ITEMS, START = 50_000, 20_000, 1_700_000_000.0


def measure(progress: Callable[[str], None], size: int = ROWS) -> dict[str, Any]:
    """Measure ``check_s`` (reading the dataset, every gate) and ``rows``: seconds to write each format.

    Half of the interactions are real and half synthetic; as many exposures lie beside them. What the command takes is
    the sum of the two, and is to stay below ``target_s``.
    """
    with tempfile.TemporaryDirectory() as scratch:
        progress(f"a dataset of {size:,} rows")
        folder = Path(scratch) / "dataset"
        write(_invented(size), folder)
        progress("gates")
        began = time.perf_counter()
        data = read(folder)
        require(gates(data, altered(folder, data.about)), folder)
        check_s = time.perf_counter() - began
        rows = [_written(data, kind, Path(scratch) / kind, check_s, progress) for kind in formats()]
    return {"size": size, "target_s": TARGET_S, "check_s": check_s, "rows": rows}


def _written(
    data: TrainingData, kind: str, out: Path, check_s: float, progress: Callable[[str], None]
) -> dict[str, Any]:
    progress(kind)
    began = time.perf_counter()
    export(data, kind, out)
    seconds = time.perf_counter() - began
    megabytes = sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) / 1e6
    return {"format": kind, "write_s": seconds, "command_s": check_s + seconds, "mb": megabytes}


def _invented(size: int) -> TrainingData:
    """Return a dataset of random rows, sound by every gate."""
    random = np.random.default_rng(0)
    users, items = (np.array([f"{of}{n}" for n in range(count)], object) for of, count in (("u", USERS), ("i", ITEMS)))
    pair = random.choice(USERS * ITEMS, size, replace=False)
    made = np.arange(size) % 2 == 1
    rows = pd.DataFrame(
        {
            "user": users[pair // ITEMS],
            "item": items[pair % ITEMS],
            "rating": random.integers(1, 6, size).astype(float),
            "time": START + np.arange(size),
            "is_synthetic": made,
            "is_taken": made,
            "source_run": np.where(made, "0123456789abcdef", None),
            "generator": np.where(made, "calibrated", "real"),
            "weight": 1.0,
            "propensity": np.where(made, 0.01, np.nan),
            "position": pd.array(np.arange(size) % 10 + 1, "Int64"),
            "recommender": np.where(made, "random", None),
            "arm": np.where(made, "random", None),
            "event_id": pd.array(np.where(made, np.arange(size), -1), "Int64").astype(object),
            "simulated_minute": np.where(made, 60.0, np.nan),
            "slate_size": 10,
            "score": 0.0,
        }
    )
    rows["event_id"] = rows["event_id"].where(made, None)
    people = {"user": users, "is_synthetic": False, "cut_off": START + size + 1, "training_rows": size // USERS}
    things = {"item": items, "title": items, "genres": [["Drama", "War"]] * ITEMS, "year": 1999, "training_rows": 1}
    late = {"user": users[:1], "item": items[:1], "rating": 3.0, "time": START + size + 1, "taken_before": True}
    exposures = pd.concat([rows[made], rows[made]]).sort_values("time", kind="stable")
    tables = {"interactions": rows, "exposures": exposures, "users": people, "items": things, "held_out": late}
    frames = {name: pd.DataFrame(table)[TABLES[name].names] for name, table in tables.items()}
    return TrainingData(_about(size), frames)


def _about(size: int) -> dict[str, Any]:
    run = {"run": "0123456789abcdef", "log_digest": "0123456789abcdef", "arm": "random", "seed": 0, "days": 1.0}
    left_out = dict.fromkeys(("known", "repeated", "not_trusted", "over_ratio"), 0)
    return {
        "format": FORMAT,
        "name": "invented",
        "version": "1.0.0",
        "source": {"name": "invented", "scale": [1, 5, 1], "end": START + size + 1, "redistributable": None},
        "runs": [run | {"recommender": {"kind": "random"}, "behaviors": [{"kind": "calibrated"}]}],
        "strategies": [{"kind": "all"}],
        "options": {"weight": 1.0},
        "ratio": 1.0,
        "counts": {"real": size // 2, "synthetic": size // 2, "left_out": left_out},
    }
