"""When users came, how often they came back, and what a visit was like."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from agents.schema import Floats
from analysis.load import Run
from analysis.metrics.base import sums_by
from analysis.metrics.outcomes import CHURNED_AFTER

MINUTES_A_DAY = 1440

VISIT = ("pages", "satisfaction", "minutes")
"""Columns of a visit that are averaged per user."""

VISITED = ("user_id", "start", "end", "pages", "satisfaction")
"""Columns read of sessions."""


@dataclass(frozen=True)
class Visits:
    """The finished visits of a run; figures are per user, of the visits that began on one day, or of all (None)."""

    run: Run
    n_users: int

    def means(self, day: int | None) -> tuple[Floats, ...]:
        """Return the mean of each of VISIT, in this order, NaN for users who did not come."""
        visits = _of_day(self._sessions, day)
        return tuple(self._mean(visits, name) for name in VISIT)

    def between(self, day: int | None) -> Floats:
        """Return the mean days since the visit before, NaN for users who did not come again."""
        visits = _of_day(self._sessions, day)
        return self._mean(visits[visits["since"].notna()], "since")

    def absent(self, end: int) -> Floats:
        """Return the days from the last visit to the end of so many days, all NaN where nobody can be gone yet."""
        last = np.full(self.n_users, np.nan)
        if end >= CHURNED_AFTER:
            before = self._sessions[self._sessions["day"] < end]
            start = before["start"].to_numpy(np.float64) / MINUTES_A_DAY
            np.fmax.at(last, before["user_id"].to_numpy(np.int64), start)
        return end - last

    def drift(self, day: int | None) -> Floats | None:
        """Return how far tastes had moved at the end of the last visit, None where they do not move."""
        if not len(self._moved):
            return None
        last = _of_day(self._moved, day).drop_duplicates("user_id", keep="last")
        drift = np.full(self.n_users, np.nan)
        drift[last["user_id"].to_numpy(np.int64)] = last["distance"].to_numpy(np.float64)
        return drift

    @property
    def last_day(self) -> int:
        """Return the last day on which a visit began, -1 without any."""
        return int(self._sessions["day"].max()) if len(self._sessions) else -1

    def _mean(self, visits: pd.DataFrame, column: str) -> Floats:
        came = visits["user_id"].to_numpy(np.int64)
        times = np.bincount(came, minlength=self.n_users).astype(np.float64)
        times[times == 0] = np.nan
        return sums_by(came, visits[column].to_numpy(np.float64), self.n_users) / times

    @cached_property
    def _sessions(self) -> pd.DataFrame:
        """Return the visits with the day they began on, their length, and the days since the visit before."""
        table = self.run.table("sessions", VISITED)
        since = table.sort_values("start", kind="stable").groupby("user_id")["start"].diff() / MINUTES_A_DAY
        return table.assign(day=_days(table["start"]), minutes=table["end"] - table["start"], since=since)

    @cached_property
    def _moved(self) -> pd.DataFrame:
        """Return how far tastes had moved at the end of visits, with the day of that; empty where they do not."""
        table = self.run.table("drift", ["now", "user_id", "distance"])
        return table.assign(day=_days(table["now"]))


def _of_day(table: pd.DataFrame, day: int | None) -> pd.DataFrame:
    return table if day is None else table[table["day"] == day]


def _days(minutes: "pd.Series[float]") -> "pd.Series[int]":
    return (minutes.astype(np.float64) // MINUTES_A_DAY).astype(np.int64)
