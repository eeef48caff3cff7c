"""Compare the logs of two runs, by their digests and row by row."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from analysis.load import load
from simulator.log import TABLES, UNDIGESTED

BLOCK = 65_536
MOMENT = {"sessions": "end", "users": None, "items": None}
"""Table -> the column that says when its row was written, where that is not ``now``."""


def compare_runs(recorded: Path, other: Path, window: float) -> dict[str, Any]:
    """Return whether two runs have one log, for every table, and where each that differs does so first.

    Both are judged: the digests in the manifests, and the rows that lie on disk. ``window`` is the
    length of a window in simulated minutes.
    """
    one, two = load(recorded).manifest, load(other).manifest
    tables = {}
    for name in sorted((one["tables"].keys() | two["tables"].keys()) - UNDIGESTED):
        noted, came = (manifest["tables"].get(name, {"rows": 0, "digest": None}) for manifest in (one, two))
        first = first_difference(recorded / "log", other / "log", name, window)
        if not first and noted != came:
            first = "the manifest names another digest than the rows have"
        tables[name] = {"rows": noted["rows"], "equal": not first, "first": first}
    digests = {"log_digest": one["log_digest"], "replayed_digest": two["log_digest"]}
    equal = one["log_digest"] == two["log_digest"] and all(table["equal"] for table in tables.values())
    return {"run": str(recorded), "equal": equal, **digests, "tables": tables}


def first_difference(one: Path, two: Path, table: str, window: float) -> str:
    """Return in words where a table of two ``log`` folders differs first, an empty string where it does not."""
    seen = 0
    for left, right in zip_longest(blocks(one, table), blocks(two, table), fillvalue=pd.DataFrame()):
        both = min(len(left), len(right))
        wrong = [(_first(left[name][:both], right[name][:both]), name) for name in left.columns if both]
        row, column = min(wrong, default=(both, ""))
        if row < both:
            values = " is ".join(str(frame[column].iloc[row]) for frame in (left, right))
            return f"row {seen + row}{_when(left, table, row, window)}: {column} {values} when executed again"
        if len(left) != len(right):
            more = "recorded" if len(left) > len(right) else "executed again"
            return f"row {seen + both}: only the log {more} goes on"
        seen += both
    return ""


def blocks(folder: Path, table: str) -> Iterator[pd.DataFrame]:
    """Yield a table's rows in log order, BLOCK at a time however the segments were cut."""
    waiting = pd.DataFrame()
    for path in sorted(folder.glob(f"{table}-*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(BLOCK, columns=list(TABLES[table].__annotations__)):
            waiting = pd.concat([waiting, batch.to_pandas()], ignore_index=True)
            while len(waiting) >= BLOCK:
                yield waiting[:BLOCK]
                waiting = waiting[BLOCK:].reset_index(drop=True)
    if len(waiting):
        yield waiting


def _first(left: "pd.Series[Any]", right: "pd.Series[Any]") -> int:
    """Return the place of the first pair that differs, their number where none does; NaN equals NaN."""
    one, two = left.to_numpy(), right.to_numpy()
    differ = ~((one == two) | (pd.isna(one) & pd.isna(two)))
    return int(np.argmax(differ)) if differ.any() else len(one)


def _when(rows: pd.DataFrame, table: str, row: int, window: float) -> str:
    column = MOMENT.get(table, "now")
    if column is None or column not in rows:
        return ""
    return f" (window {int(float(rows[column].iloc[row]) // window)})"
