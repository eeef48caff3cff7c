"""A run's tables as the inputs of metrics, period by period."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from agents.schema import Floats, Ints
from analysis.load import Run
from analysis.metrics.concentration import discounted_exposure
from analysis.metrics.evidence import Evidence
from analysis.metrics.lists import Lists
from analysis.metrics.outcomes import LIKED_FROM, Outcomes
from analysis.metrics.periods import Shown, by_period
from analysis.metrics.ratings import Ratings
from analysis.metrics.space import fit_space
from analysis.metrics.strata import GROUPS, bands, head_tail, user_groups
from analysis.metrics.ties import Ties
from analysis.metrics.visits import Visits

WHOLE_RUN = -1.0
"""The ``day`` of figures over the whole run."""

Watch = Callable[[Shown], object]
"""Called with the rows of each period, so that what needs them too need not read them again."""

TAKEN = ("user_id", "item_id", "rating")
"""Columns read of history."""


@dataclass(frozen=True)
class Tally:
    """How often, in one period: per user, and per item."""

    shown: Floats
    watched: Floats
    liked: Floats
    impressions: Floats
    watches: Floats
    exposures: Floats
    """Impressions weighted by rank."""

    @staticmethod
    def of(rows: Shown, n_users: int, n_items: int) -> "Tally":
        """Return the tally of what was shown."""
        return Tally(
            _count(rows.user, n_users),
            _count(rows.user[rows.watched], n_users),
            _count(rows.user[rows.liked], n_users),
            _count(rows.item, n_items),
            _count(rows.item[rows.watched], n_items),
            discounted_exposure(rows.item, rows.rank, n_items),
        )

    @staticmethod
    def empty(n_users: int, n_items: int) -> "Tally":
        """Return the tally of nothing."""
        return Tally(*(np.zeros(n) for n in (n_users,) * 3 + (n_items,) * 3))

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(Tally)))


@dataclass(frozen=True)
class Period:
    """What was shown and watched in one period or over the whole run, and popularity and profiles at its end."""

    shown: Lists
    consumed: Lists
    tally: Tally
    popularity: Floats
    profiles: Lists
    ratings: Ratings | None = None
    """What was given, None where users cannot rate."""


@dataclass
class Gathered:
    """Lists joined period by period; these wait until they are as many rows as what is joined: joining stays cheap."""

    joined: Lists
    waiting: list[Lists]

    def add(self, lists: Lists) -> None:
        """Take one more period."""
        self.waiting.append(lists)
        if sum(len(some.owner) for some in self.waiting) > len(self.joined.owner):
            self.join()

    def join(self) -> Lists:
        """Return each user's items of all periods, in order of first showing."""
        self.joined, self.waiting = Lists.one_after_other([self.joined, *self.waiting]), []
        return self.joined


@dataclass(frozen=True)
class Record:
    """A run's tables as the inputs of metrics."""

    run: Run
    asked: float | None = None
    """Minutes of a period, in place of those that the run says."""

    @cached_property
    def every(self) -> float:
        """Return the minutes of a period."""
        return self.run.every if self.asked is None else self.asked

    def periods(self, watch: Watch = lambda _rows: None) -> Iterator[tuple[float, Period]]:
        """Yield every period by itself, by the day it begins on, in order, then WHOLE_RUN.

        Only what the whole run needs is kept of a period.
        """
        nobody = Lists.of_matrix(np.empty((self.n_users, 0), dtype=np.int64))
        shown, consumed, popularity, profiles = Gathered(nobody, []), nobody, self.popularity, self.profiles
        whole, ratings = Tally.empty(self.n_users, self.n_items), list[Ratings]()
        for day, rows in by_period(self.run, self.every, self._liked_from):
            watch(rows)
            period = self._period(rows, profiles, popularity)
            del rows
            popularity, profiles, whole = period.popularity, period.profiles, whole + period.tally
            shown.add(period.shown)
            consumed = Lists.one_after_other([consumed, period.consumed])
            ratings += [] if period.ratings is None else [period.ratings]
            yield day, period
        given = ratings[0].joined(ratings[1:]) if ratings else None
        yield WHOLE_RUN, Period(shown.join(), consumed, whole, popularity, profiles, given)

    def _period(self, rows: Shown, before: Lists, popularity: Floats) -> Period:
        """Return a period, given what users had taken and how popular items were before it.

        A watch adds to the popularity of an item that the user had not taken before.
        """
        shown = Lists.of_showings(rows.user, rows.item, self.n_users)
        consumed = Lists.of_showings(rows.user[rows.watched], rows.item[rows.watched], self.n_users)
        after = popularity + _count(consumed.item[~consumed.within(before)], self.n_items)
        taken = Lists.one_after_other([before, consumed])
        rated = rows.take(rows.watched & ~np.isnan(rows.rating))
        tally = Tally.of(rows, self.n_users, self.n_items)
        return Period(shown, consumed, tally, after, taken, self._ratings(rated.user, rated.item, rated.rating))

    def _ratings(self, user: Ints, item: Ints, rating: Floats) -> Ratings | None:
        """Return ratings, None where users cannot rate or no rating is known."""
        able = "rate" in self.run.manifest.get("actions", ("rate",))
        return None if self._scale is None or not able else Ratings(user, item, rating, self.n_users, self._scale)

    def shown(self, period: Period) -> Evidence:
        """Return the evidence on what was shown."""
        tally = period.tally
        return replace(
            self.known,
            slates=period.shown,
            counts=tally.impressions,
            exposures=tally.exposures,
            showings=tally.shown,
            ratings=None,
            current_profiles=period.profiles,
        )

    def consumed(self, period: Period) -> Evidence:
        """Return the evidence on what was watched."""
        return replace(
            self.known,
            slates=period.consumed,
            counts=period.tally.watches,
            chosen=period.consumed,
            offered=period.shown,
            ratings=period.ratings,
            current_profiles=period.profiles,
        )

    def outcomes(self, period: Period, day: float) -> Outcomes:
        """Return what each user did, NaN for users who did not come."""
        tally, visits = period.tally, self._visits
        nothing = tally.shown == 0
        shown, watched, liked = (np.where(nothing, np.nan, n) for n in (tally.shown, tally.watched, tally.liked))
        only = None if day == WHOLE_RUN else day
        pages, satisfaction, minutes = visits.means(only)
        absent, between = visits.absent(only), visits.between(only)
        return Outcomes(shown, watched, liked, pages, satisfaction, minutes, visits.drift(only), absent, between)

    @cached_property
    def n_users(self) -> int:
        """Return the number of simulated users, whose ids are 0..n-1."""
        return sum(len(part) for part in self.run.segments("users", ["user_id"]))

    @cached_property
    def n_items(self) -> int:
        """Return the size of the catalog."""
        return len(self._items)

    @cached_property
    def popularity(self) -> Floats:
        """Return the initial popularity."""
        return self._items["initial_count"].to_numpy(np.float64)

    @cached_property
    def profiles(self) -> Lists:
        """Return what each simulated user had taken before time 0, as the platform knew it."""
        history = self._history
        mine = history[history["user_id"] < self.n_users].drop_duplicates(["user_id", "item_id"])
        return Lists.of(mine["user_id"].to_numpy(np.int64), mine["item_id"].to_numpy(np.int64), self.n_users)

    @cached_property
    def groups(self) -> list[tuple[str, Ints]]:
        """Return the users of each group that has any."""
        codes = user_groups(self.profiles, self.popularity)
        members = [(group, np.flatnonzero(codes == code)) for code, group in enumerate(GROUPS)]
        return [(group, users) for group, users in members if len(users)]

    @cached_property
    def _visits(self) -> Visits:
        """Return the finished visits."""
        return Visits(self.run, self.n_users, self.every)

    @cached_property
    def _items(self) -> pd.DataFrame:
        """Return what metrics ask of the catalog."""
        return self.run.table("items", ["genres", "initial_count"])

    @cached_property
    def _history(self) -> pd.DataFrame:
        """Return what the platform knew at time 0."""
        return self.run.table("history", TAKEN)

    @cached_property
    def _liked_from(self) -> float | None:
        """Return the rating at which likes begin: by the highest known at time 0, or of the run if there was none.

        None where users could say what they liked.
        """
        if "like" in self.run.manifest.get("actions", ()):
            return None
        return np.inf if self._scale is None else LIKED_FROM * self._scale[1]

    @cached_property
    def _scale(self) -> tuple[float, float] | None:
        """Return the lowest and the highest rating known at time 0, or of the run if there was none; None without."""
        known = self._history["rating"].dropna()
        if len(known):
            return float(known.min()), float(known.max())
        given = [pc.min_max(table["rating"]).as_py() for table in self.run.segments("impressions", ["rating"])]
        low, high = (reduce([np.nan, *(part[end] for part in given)])
                     for reduce, end in ((np.fmin.reduce, "min"), (np.fmax.reduce, "max")))  # fmt: skip
        return None if np.isnan(high) else (float(low), float(high))

    @cached_property
    def ties(self) -> Ties | None:
        """Return who is tied to whom, None where nobody is."""
        table = self.run.table("ties")
        if not len(table):
            return None
        return Ties.of(table["user_id"].to_numpy(np.int64), table["friend_id"].to_numpy(np.int64), self.n_users)

    @cached_property
    def _everyone(self) -> Lists:
        """Return what the platform knew of all users, the background included."""
        history = self._history.drop_duplicates(["user_id", "item_id"])
        owner, users = pd.factorize(history["user_id"], sort=True)
        return Lists.of(owner.astype(np.int64), history["item_id"].to_numpy(np.int64), len(users))

    @cached_property
    def known(self) -> Evidence:
        """Return everything that no period changes, the profiles of time 0 in the place of what is judged."""
        background = self._history.loc[self._history["user_id"] >= self.n_users, "user_id"].nunique()
        ids = self.run.semantic_ids
        genres, history = self._items["genres"].astype(str).str.get_dummies(sep="|"), self._history.dropna()
        mine = history[history["user_id"] < self.n_users]
        return Evidence(
            slates=self.profiles,
            n_catalog=self.n_items,
            profiles=self.profiles,
            popularity=self.popularity,
            population=self.n_users + background,
            genres=genres.to_numpy(np.float64) if genres.shape[1] else None,
            genre_names=tuple(genres.columns),
            ratings=self._ratings(*(mine[name].to_numpy() for name in TAKEN)),
            head=head_tail(self.popularity),
            band=bands(self.popularity),
            ids=None if ids is None else ids[1],
            groups=user_groups(self.profiles, self.popularity),
            ties=self.ties,
            space=fit_space(self._everyone, self.profiles, self.n_items),
        )


def _count(codes: Ints, n: int) -> Floats:
    """Return how often each of n codes occurs."""
    return np.bincount(codes, minlength=n).astype(np.float64)
