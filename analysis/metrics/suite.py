"""Measure a run: what was shown and taken, day by day and over all, by user group and popularity snapshot."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from agents.schema import Floats, Ints
from analysis.load import Run
from analysis.metrics.base import Metric, Value, sums_by
from analysis.metrics.concentration import discounted_exposure
from analysis.metrics.discover import metrics
from analysis.metrics.evidence import Evidence
from analysis.metrics.lists import Lists
from analysis.metrics.outcomes import LIKED_FROM, Outcomes
from analysis.metrics.strata import GROUPS, bands, head_tail, user_groups

WHOLE_RUN = -1
"""The ``day`` of figures over the whole run."""

MINUTES_A_DAY = 1440

VISIT = ("pages", "satisfaction", "minutes")
"""Columns of a visit that are averaged per user."""

COLUMNS = (
    "metric",
    "definition_id",
    "outcome",
    "level",
    "on",
    "snapshot",
    "group",
    "day",
    "value",
    "n",
    "n_skipped",
)

SHOWN = ("day", "user_id", "item_id", "page", "position", "slate_size", "action", "rating")
VISITED = ("user_id", "start", "end", "pages", "satisfaction")
TAKEN = ("user_id", "item_id", "rating")
"""Columns read of impressions, sessions and history."""

JUDGED = {"slates", "counts", "exposures"}
"""Inputs that depend on what was shown or taken."""

POPULARITY = {"popularity", "phi"}
"""Inputs that depend on the popularity snapshot."""

STRATA = {"head", "band", "groups"}
"""Inputs frozen at the initial popularity."""


def measure(run: Run) -> pd.DataFrame:
    """Return the measured frame of a run, one row per figure, columns COLUMNS.

    ``on`` is what was judged: items ``shown``, items ``consumed``, the initial ``profile`` (whole run
    only), or the ``user``'s own outcomes. ``snapshot`` says whose popularity was used: ``initial``, that
    of time 0, or ``current``, that at the end of the period; empty where it does not matter. Groups and
    head and tail are frozen at time 0. ``day`` is WHOLE_RUN or the simulated day alone, not cumulated.
    A user's list of a period holds each item once, in order of first showing; counts and exposures
    hold every showing.
    """
    record, sorts = Record(run), Sorts.of(metrics())
    rows = [row for day in (WHOLE_RUN, *record.days) for row in _period(record, sorts, day)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


@dataclass(frozen=True)
class Sorts:
    """The metrics by what they judge, and within that by what popularity they depend on."""

    judged: "BySnapshot"
    of_profiles: "BySnapshot"
    of_users: tuple[Metric, ...]

    @staticmethod
    def of(every: Sequence[Metric]) -> "Sorts":
        """Return metrics sorted, each sort in their order."""
        judged = [metric for metric in every if JUDGED & set(metric.inputs)]
        of_profiles = [metric for metric in every if "profiles" in metric.inputs and not JUDGED & set(metric.inputs)]
        of_users = tuple(metric for metric in every if set(metric.inputs) <= set(Outcomes.__annotations__))
        return Sorts(BySnapshot.of(judged), BySnapshot.of(of_profiles), of_users)


@dataclass(frozen=True)
class BySnapshot:
    """Metrics that no popularity enters, only that frozen at time 0, or that of any snapshot."""

    plain: tuple[Metric, ...]
    frozen: tuple[Metric, ...]
    moving: tuple[Metric, ...]

    @staticmethod
    def of(every: Sequence[Metric]) -> "BySnapshot":
        """Return metrics sorted, each sort in their order."""
        moving = tuple(metric for metric in every if POPULARITY & set(metric.inputs))
        rest = [metric for metric in every if not POPULARITY & set(metric.inputs)]
        frozen = tuple(metric for metric in rest if STRATA & set(metric.inputs))
        return BySnapshot(tuple(metric for metric in rest if not STRATA & set(metric.inputs)), frozen, moving)


Row = tuple[str, str, str, str, str, str, str, int, float, int, int]


def _period(record: "Record", sorts: Sorts, day: int) -> Iterator[Row]:
    """Yield all figures of one day or of the whole run."""
    shown = record.shown(day)
    yield from _by_snapshot(record, shown, sorts.judged, "shown", day)
    yield from _by_snapshot(record, record.consumed(day), sorts.judged, "consumed", day)
    if day == WHOLE_RUN:
        yield from _by_snapshot(record, shown, sorts.of_profiles, "profile", day)
    outcomes = record.outcomes(day)
    yield from _figures(outcomes, sorts.of_users, "user", "", "all", day)
    for group, users in record.groups:
        yield from _figures(outcomes.of_users(users), sorts.of_users, "user", "", group, day)


def _by_snapshot(record: "Record", evidence: Evidence, some: BySnapshot, on: str, day: int) -> Iterator[Row]:
    """Yield the figures at both popularity snapshots, for all users and by group."""
    after = record.popularity_after(day)
    for group, users in (("all", None), *record.groups):
        part = evidence if users is None else evidence.of_users(users)
        yield from _figures(part, some.plain, on, "", group, day)
        yield from _figures(part, some.frozen + some.moving, on, "initial", group, day)
        yield from _figures(replace(part, popularity=after), some.moving, on, "current", group, day)


def _figures(inputs: object, some: Sequence[Metric], on: str, snapshot: str, group: str, day: int) -> Iterator[Row]:
    for metric in some:
        value: Value | None = metric.measure(inputs)
        if value is not None:
            about = (metric.name, metric.definition_id, metric.outcome, metric.level)
            yield (*about, on, snapshot, group, day, value.value, value.n, value.n_skipped)


@dataclass(frozen=True)
class Record:
    """A run's tables as the inputs of metrics."""

    run: Run

    @cached_property
    def n_users(self) -> int:
        """Return the number of simulated users, whose ids are 0..n-1."""
        return len(self.run.table("users", ["user_id"]))

    @cached_property
    def n_items(self) -> int:
        """Return the size of the catalog."""
        return len(self.items)

    @cached_property
    def impressions(self) -> pd.DataFrame:
        """Return what was shown, in log order, as plain columns."""
        table = self.run.table("impressions", SHOWN)
        columns = table[["day", "user_id", "item_id"]].astype(np.int64)
        rank = (table["page"] - 1) * table["slate_size"] + table["position"]
        watched = (table["action"] == "watch").to_numpy()
        rating = table["rating"].to_numpy(np.float64)
        liked = watched & (rating >= LIKED_FROM * self._highest(rating))
        return columns.assign(rank=rank.astype(np.int64), watched=watched, liked=liked)

    @cached_property
    def sessions(self) -> pd.DataFrame:
        """Return the finished visits with the day they began on."""
        table = self.run.table("sessions", VISITED)
        day = (table["start"].astype(np.float64) // MINUTES_A_DAY).astype(np.int64)
        return table.assign(day=day, minutes=table["end"] - table["start"])

    @cached_property
    def items(self) -> pd.DataFrame:
        """Return what metrics ask of the catalog."""
        return self.run.table("items", ["genres", "initial_count"])

    @cached_property
    def history(self) -> pd.DataFrame:
        """Return what the platform knew at time 0."""
        return self.run.table("history", TAKEN)

    @cached_property
    def days(self) -> list[int]:
        """Return the simulated days on which anything was shown, in order."""
        return sorted(self.impressions["day"].unique().tolist())

    def _highest(self, ratings: Floats) -> float:
        """Return the highest rating known at time 0, or of the run where there was none."""
        known = self.history["rating"].max()
        return float(pd.Series(ratings).max() if pd.isna(known) else known)

    @cached_property
    def popularity(self) -> Floats:
        """Return the initial popularity."""
        return self.items["initial_count"].to_numpy(np.float64)

    @cached_property
    def first_watches(self) -> pd.DataFrame:
        """Return the first watch of each item by each user who had not taken it before time 0."""
        watches = self.impressions[self.impressions["watched"]].drop_duplicates(["user_id", "item_id"])
        mine = Lists(watches["user_id"].to_numpy(), watches["item_id"].to_numpy(), self.n_users)
        return watches[~mine.within(self.profiles)]

    def popularity_after(self, day: int) -> Floats:
        """Return the popularity at the end of a day, or of the run."""
        first = self.first_watches
        past = first if day == WHOLE_RUN else first[first["day"] <= day]
        return self.popularity + np.bincount(past["item_id"].to_numpy(np.int64), minlength=self.n_items)

    @cached_property
    def profiles(self) -> Lists:
        """Return what each simulated user had taken before time 0, as the platform knew it."""
        history = self.history
        mine = history[history["user_id"] < self.n_users].drop_duplicates(["user_id", "item_id"])
        return Lists.of(mine["user_id"].to_numpy(np.int64), mine["item_id"].to_numpy(np.int64), self.n_users)

    @cached_property
    def groups(self) -> list[tuple[str, Ints]]:
        """Return the users of each group that has any."""
        codes = user_groups(self.profiles, self.popularity)
        members = [(group, np.flatnonzero(codes == code)) for code, group in enumerate(GROUPS)]
        return [(group, users) for group, users in members if len(users)]

    @cached_property
    def _known(self) -> Evidence:
        """Return everything that no period changes."""
        everyone = set(range(self.n_users)) | set(self.history["user_id"].unique().tolist())
        genres = self.items["genres"].astype(str).str.get_dummies(sep="|").to_numpy(np.float64)
        return Evidence(
            slates=self.profiles,
            n_catalog=self.n_items,
            profiles=self.profiles,
            popularity=self.popularity,
            population=len(everyone),
            genres=genres if genres.shape[1] else None,
            head=head_tail(self.popularity),
            band=bands(self.popularity),
            groups=user_groups(self.profiles, self.popularity),
        )

    def _on(self, rows: pd.DataFrame) -> Evidence:
        once = rows.drop_duplicates(["user_id", "item_id"])
        lists = Lists.of(once["user_id"].to_numpy(), once["item_id"].to_numpy(), self.n_users)
        counts = np.bincount(rows["item_id"].to_numpy(), minlength=self.n_items).astype(np.float64)
        return replace(self._known, slates=lists, counts=counts)

    def _of(self, table: pd.DataFrame, day: int) -> pd.DataFrame:
        return table if day == WHOLE_RUN else table[table["day"] == day]

    def shown(self, day: int) -> Evidence:
        """Return the evidence on what was shown."""
        rows = self._of(self.impressions, day)
        exposures = discounted_exposure(rows["item_id"].to_numpy(), rows["rank"].to_numpy(), self.n_items)
        return replace(self._on(rows), exposures=exposures)

    def consumed(self, day: int) -> Evidence:
        """Return the evidence on what was watched."""
        rows = self._of(self.impressions, day)
        return self._on(rows[rows["watched"]])

    def outcomes(self, day: int) -> Outcomes:
        """Return what each user did, NaN for users who did not come."""
        rows, visits = self._of(self.impressions, day), self._of(self.sessions, day)
        user = rows["user_id"].to_numpy()
        shown = np.bincount(user, minlength=self.n_users).astype(np.float64)
        shown[shown == 0] = np.nan
        watched, liked = (
            sums_by(user, rows[name].to_numpy(), self.n_users) + 0 * shown for name in ("watched", "liked")
        )
        came = visits["user_id"].to_numpy(np.int64)
        times = np.bincount(came, minlength=self.n_users).astype(np.float64)
        times[times == 0] = np.nan
        means = (sums_by(came, visits[name].to_numpy(np.float64), self.n_users) / times for name in VISIT)
        return Outcomes(shown, watched, liked, *means)
