"""What was shown, one simulated day at a time: no more than a day and a segment are in memory at once."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from agents.schema import Bools, Ints
from analysis.load import Run, says

SHOWN = ("day", "user_id", "item_id", "page", "position", "slate_size", "action", "rating", "feedback")
"""Columns read of impressions."""


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

    @staticmethod
    def of(table: pa.Table, liked_from: float | None) -> "Shown":
        """Return the rows of a table with the columns SHOWN."""
        page, position, size = (table[name].to_numpy() for name in ("page", "position", "slate_size"))
        user, item = (table[name].to_numpy().astype(np.int32) for name in ("user_id", "item_id"))
        rank = ((page - 1) * size + position).astype(np.int32)
        watched = says(table["action"], "watch")
        liked = says(table["feedback"], "like") if liked_from is None else table["rating"].to_numpy() >= liked_from
        return Shown(user, item, rank, watched, watched & liked)

    def first(self, places: int) -> "Shown":
        """Return what stood at the first places of its visit."""
        rows = self.rank <= places
        return Shown(*(getattr(self, field.name)[rows] for field in fields(Shown)))

    @staticmethod
    def joined(parts: list["Shown"]) -> "Shown":
        """Return the rows of several, one after the other."""
        if len(parts) == 1:
            return parts[0]
        return Shown(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Shown)))


def by_day(run: Run, liked_from: float | None = np.inf) -> Iterator[tuple[int, Shown]]:
    """Yield every day on which anything was shown, in order, with all that was shown on it.

    Watches rated at least ``liked_from`` are likes, or with None those that users said they liked. A day is complete
    when no later segment reaches back to it, however the log is ordered.
    """
    last = _last_segments(run)
    days, parts = sorted(last), {day: list[Shown]() for day in last}
    for segment, table in enumerate(run.segments("impressions", SHOWN)):
        day = table["day"].to_numpy()
        for there in _days_of(table):
            rows = table if (day == there).all() else table.filter(pa.array(day == there))
            parts[there].append(Shown.of(rows, liked_from))
        while days and last[days[0]] <= segment:
            yield days[0], Shown.joined(parts.pop(days.pop(0)))


def _last_segments(run: Run) -> dict[int, int]:
    """Return the last segment with anything of each day."""
    segments = enumerate(run.segments("impressions", ["day"]))
    return {day: segment for segment, table in segments for day in _days_of(table)}


def _days_of(table: pa.Table) -> list[int]:
    days: list[int] = pc.unique(table["day"]).to_pylist()
    return days
