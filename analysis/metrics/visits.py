"""When users came, how often they came back, and what a visit was like."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from agents.schema import Floats
from analysis.load import Run
from analysis.metrics.base import sums_by
from analysis.metrics.outcomes import CHURNED_AFTER
from analysis.metrics.periods import MINUTES_A_DAY, begins

VISIT = ("pages", "satisfaction", "minutes")
"""Columns of a visit that are averaged per user."""

VISITED = ("user_id", "start", "end", "pages", "satisfaction")
"""Columns read of sessions."""


@dataclass(frozen=True)
class Visits:
    """The finished visits of a run.

    Figures are per user, of the visits that began in one period, named by the day it begins on, or of all (None).
    """

    run: Run
    n_users: int
    every: float
    """Minutes of a period."""

    def means(self, day: float | None) -> tuple[Floats, ...]:
        """Return the mean of each of VISIT, in this order, NaN for users who did not come."""
        visits = _of(self._sessions, day)
        return tuple(self._mean(visits, name) for name in VISIT)

    def between(self, day: float | None) -> Floats:
        """Return the mean days since the visit before, NaN for users who did not come again."""
        visits = _of(self._sessions, day)
        return self._mean(visits[visits["since"].notna()], "since")

    def absent(self, day: float | None) -> Floats:
        """Return the days from the last visit to the end of a period, or of the last day on which anybody came.

        All NaN where nobody can be gone yet.
        """
        visits = self._sessions if day is None else self._sessions[self._sessions["day"] <= day]
        start = visits["start"].to_numpy(np.float64) / MINUTES_A_DAY
        end = start.max(initial=-1.0) // 1 + 1 if day is None else day + self.every / MINUTES_A_DAY
        last = np.full(self.n_users, np.nan)
        if end >= CHURNED_AFTER:
            np.fmax.at(last, visits["user_id"].to_numpy(np.int64), start)
        return np.asarray(end - last)

    def drift(self, day: float | None) -> Floats | None:
        """Return how far tastes had moved at the end of the last visit, None where they do not move."""
        if not len(self._moved):
            return None
        last = _of(self._moved, day).drop_duplicates("user_id", keep="last")
        drift = np.full(self.n_users, np.nan)
        drift[last["user_id"].to_numpy(np.int64)] = last["distance"].to_numpy(np.float64)
        return drift

    def _mean(self, visits: pd.DataFrame, column: str) -> Floats:
        came = visits["user_id"].to_numpy(np.int64)
        times = np.bincount(came, minlength=self.n_users).astype(np.float64)
        times[times == 0] = np.nan
        return sums_by(came, visits[column].to_numpy(np.float64), self.n_users) / times

    @cached_property
    def _sessions(self) -> pd.DataFrame:
        """Return the visits with the period they began in, their length, and the days since the visit before."""
        table = self.run.table("sessions", VISITED)
        since = table.sort_values("start", kind="stable").groupby("user_id")["start"].diff() / MINUTES_A_DAY
        return table.assign(day=self._begins(table["start"]), minutes=table["end"] - table["start"], since=since)

    @cached_property
    def _moved(self) -> pd.DataFrame:
        """Return how far tastes had moved at the end of visits, with the period of that; empty where they do not."""
        table = self.run.table("drift", ["now", "user_id", "distance"])
        return table.assign(day=self._begins(table["now"]))

    def _begins(self, now: "pd.Series[float]") -> "pd.Series[float]":
        return begins(now.astype(np.float64), self.every)


def _of(table: pd.DataFrame, day: float | None) -> pd.DataFrame:
    return table if day is None else table[table["day"] == day]
