"""Where in real time simulated rows are put: after what is known of the user, before what it is judged by."""

import numpy as np
import pandas as pd

from analysis.augment.source import Source

SPAN = 86_400.0
"""Seconds before the cut-off that are used where no training row of the user precedes it."""


def placed(rows: pd.DataFrame, source: Source) -> pd.DataFrame:
    """Return simulated rows with a ``time`` in Unix seconds, in order of time.

    A user's n rows divide the time from its last training row before the cut-off to the cut-off into n + 1 equal
    parts, in their order of (simulated_minute, source_run, event_id): a row has a time of its own, strictly between.
    """
    ordered = rows.sort_values(["user", "simulated_minute", "source_run", "event_id"], kind="stable")
    cut_off = ordered["user"].map(source.cut_offs).fillna(source.end).to_numpy(dtype=np.float64)
    begin = ordered["user"].map(_last_before(source)).to_numpy(dtype=np.float64)
    begin = np.where(np.isfinite(begin), begin, cut_off - SPAN)
    turns = ordered.groupby("user", sort=False)["user"]
    part = (turns.cumcount() + 1) / (turns.transform("size") + 1)
    time = np.minimum(begin + (cut_off - begin) * part.to_numpy(), np.nextafter(cut_off, -np.inf))
    return ordered.assign(time=time).sort_values(["time", "user", "event_id"], kind="stable").reset_index(drop=True)


def _last_before(source: Source) -> "pd.Series[float]":
    """Return the time of every user's last training row that precedes its cut-off."""
    earlier = source.train[source.train["time"] < source.train["user"].map(source.cut_offs)]
    return earlier.groupby("user", sort=False)["time"].max()
