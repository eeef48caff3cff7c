"""Tidy frames that several figures share."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.compare import FEWEST_FOR_INTERVAL, WHOLE_RUN, interval
from analysis.load import Study

SHARED = ["arm", "seed", "definition_id", "n"]


def figures(study: Study, metric: str, *, on: str | None = None, snapshot: str | None = None) -> pd.DataFrame:
    """Return the measured rows of one metric in the order of the arms, all groups and periods."""
    frame = study.metrics
    wanted = frame["metric"] == metric
    for column, value in (("on", on), ("snapshot", snapshot)):
        if value is not None:
            wanted &= frame[column] == value
    return by_arm(study, frame[wanted])


def whole_run(frame: pd.DataFrame, group: str = "all") -> pd.DataFrame:
    """Keep the figures over the whole run of one user group."""
    return frame[(frame["day"] == WHOLE_RUN) & (frame["group"] == group)]


def over_time(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the figures of all users of each period."""
    return frame[(frame["day"] >= 0) & (frame["group"] == "all")]


def by_arm(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows sorted by arm in the study's order, otherwise as they were."""
    place = {arm: at for at, arm in enumerate(study.arms)}
    return frame.sort_values("arm", key=lambda arms: arms.map(place), kind="stable").reset_index(drop=True)


def over_seeds(frame: pd.DataFrame, by: Sequence[str], value: str = "value") -> pd.DataFrame:
    """Return mean, low and high over seeds per group, low = high = NaN under 3 seeds; order is kept."""
    rows = []
    for key, group in grouped(frame, by):
        values = group[value].dropna().to_numpy(dtype=float)
        enough = len(values) >= FEWEST_FOR_INTERVAL
        low, high = interval(values)[:2] if enough else (np.nan, np.nan)
        rows.append((*key, values.mean() if len(values) else np.nan, low, high))
    return pd.DataFrame(rows, columns=[*by, "mean", "low", "high"])


def exposure(study: Study, *, watched: bool = False) -> pd.DataFrame:
    """Return one row per cell and catalog item: impressions (or watches) and popularity at time 0."""
    frames = []
    for arm in study.arms:
        for cell in study.of(arm):
            items = cell.run.table("items", ["item_id", "initial_count"])
            counts = cell.run.exposure.items["watched" if watched else "shown"]
            columns = {"item_id": items["item_id"], "popularity": items["initial_count"], "count": counts}
            frames.append(pd.DataFrame(columns).assign(arm=arm, seed=cell.seed, n=counts.sum()))
    return pd.concat(frames, ignore_index=True)


def grouped(frame: pd.DataFrame, by: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Yield the key of each group and its rows, groups in the order of their first row."""
    for key, rows in frame.groupby(list(by), sort=False):
        yield tuple(key), rows


def mean_by(frame: pd.DataFrame, by: Sequence[str], value: str = "value") -> dict[tuple[Any, ...], float]:
    """Return the mean of a column per group, groups in the order of their first row."""
    return {key: float(rows[value].mean()) for key, rows in grouped(frame, by)}


def listed(frame: pd.DataFrame, column: str, pattern: str = "{arm} {value:.3g}") -> str:
    """Return the mean of a column per arm as running text."""
    return ", ".join(pattern.format(arm=arm, value=value) for (arm,), value in mean_by(frame, ["arm"], column).items())


def in_words(frame: pd.DataFrame, row: str, column: str) -> str:
    """Return a table of values as running text, row by row.

    >>> in_words(pd.DataFrame({"who": ["a", "a"], "what": ["x", "y"], "value": [1.0, 0.25]}), "who", "what")
    'a: x 1, y 0.25.'
    """
    parts = []
    for name, some in frame.groupby(row, sort=False):
        parts.append(f"{name}: {', '.join(f'{c} {v:.3g}' for c, v in zip(some[column], some['value'], strict=True))}")
    return "; ".join(parts) + "."
