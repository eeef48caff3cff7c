"""What was shown, one period of simulated time at a time: no more than a period and a segment are in memory at once."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from agents.schema import Bools, Floats, Ints
from analysis.load import Run, says

MINUTES_A_DAY = 1440

SHOWN = ("now", "user_id", "item_id", "page", "position", "slate_size", "action", "rating", "feedback")
"""Columns read of impressions."""

Moments = TypeVar("Moments", npt.NDArray[Any], "pd.Series[float]")


@dataclass(frozen=True)
class Shown:
    """Items shown, in log order, as narrow columns."""

    user: Ints
    item: Ints
    rank: Ints
    """Place in the visit, from 1 over all pages."""
    watched: Bools
    liked: Bools
    """Watched and liked: by word where ``liked_from`` is None, else rated at least that high."""
    rating: Floats
    """NaN where the user gave none."""

    @staticmethod
    def of(table: pa.Table, liked_from: float | None) -> "Shown":
        """Return the rows of a table with the columns SHOWN."""
        page, position, size = (table[name].to_numpy() for name in ("page", "position", "slate_size"))
        user, item = (table[name].to_numpy().astype(np.int32) for name in ("user_id", "item_id"))
        rank = ((page - 1) * size + position).astype(np.int32)
        watched = says(table["action"], "watch")
        rating = table["rating"].to_numpy()
        liked = says(table["feedback"], "like") if liked_from is None else rating >= liked_from
        return Shown(user, item, rank, watched, watched & liked, rating.astype(np.float32))

    def take(self, rows: Ints | Bools | slice) -> "Shown":
        """Return some of the rows."""
        return Shown(*(getattr(self, field.name)[rows] for field in fields(Shown)))

    def first(self, places: int) -> "Shown":
        """Return what stood at the first places of its visit."""
        return self.take(self.rank <= places)

    @staticmethod
    def joined(parts: list["Shown"]) -> "Shown":
        """Return the rows of several, one after the other."""
        if len(parts) == 1:
            return parts[0]
        return Shown(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Shown)))


def begins(now: Moments, every: float) -> Moments:
    """Return the day on which the period of ``every`` minutes that a moment lies in begins, as a number of days.

    >>> begins(np.array([0.0, 359.0, 360.0, 1500.0]), 360.0).tolist()
    [0.0, 0.0, 0.25, 1.0]
    """
    return (now // every) * (every / MINUTES_A_DAY)


def by_period(run: Run, every: float, liked_from: float | None = np.inf) -> Iterator[tuple[float, Shown]]:
    """Yield every period in which anything was shown, by the day it begins on, with all that was shown in it, in order.

    Periods are ``every`` minutes long and follow one another from time 0. Watches rated at least ``liked_from`` are
    likes, or with None those that users said they liked. A period is complete when no later segment reaches back to
    it, however the log is ordered.
    """
    parts: dict[float, list[Shown]] = {}
    for table, rest in zip(run.segments("impressions", SHOWN), _earliest_later(run, every), strict=True):
        for begin, rows in _apart(begins(table["now"].to_numpy(), every), Shown.of(table, liked_from)):
            parts.setdefault(begin, []).append(rows)
        for begin in sorted(parts):
            if begin < rest:
                yield begin, Shown.joined(parts.pop(begin))


def _apart(begin: Floats, rows: Shown) -> Iterator[tuple[float, Shown]]:
    """Yield the rows of each period, in their order."""
    if not len(begin):
        return
    if begin.min() == begin.max():
        yield float(begin[0]), rows
        return
    order = np.argsort(begin, kind="stable")
    different, starts = np.unique(begin[order], return_index=True)
    ends = np.append(starts[1:], len(order))
    for value, start, end in zip(different, starts, ends, strict=True):
        yield float(value), rows.take(order[start:end])


def _earliest_later(run: Run, every: float) -> list[float]:
    """Return per segment the day on which the earliest period of all later ones begins, infinite for the last."""
    first = begins(np.array(run.earliest("impressions")), every)
    return [*np.minimum.accumulate(first[::-1])[::-1][1:].tolist(), np.inf][: len(first)]
