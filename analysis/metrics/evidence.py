"""What metrics are measured on: lists, counts and what is known about items and users."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from agents.schema import Bools, Floats, Ints
from analysis.metrics.lists import Lists
from analysis.metrics.ratings import Ratings
from analysis.metrics.space import Space
from analysis.metrics.strata import BANDS, Head
from analysis.metrics.ties import Ties


@dataclass(frozen=True)
class Evidence:
    """The inputs of metrics, by the names metrics declare; None is what is not known.

    All lists number the same users from 0; a user without a list counts as skipped. Items are
    numbered from 0, the catalog first and then those that are in some list but not in the catalog.
    """

    slates: Lists
    """What is judged: the items shown, or the items taken."""
    n_catalog: int
    counts: Floats | None = None
    """(n_catalog,) impressions (or takings) per item, repeats included."""
    exposures: Floats | None = None
    """(n_catalog,) impressions weighted by rank; None where there is no rank."""
    profiles: Lists | None = None
    """What each user had taken before."""
    test: Lists | None = None
    """What each user really took afterwards."""
    popularity: Floats | None = None
    """(items,) how many users have the item, at the snapshot."""
    population: int | None = None
    """Users that popularity counts."""
    genres: Floats | None = None
    """(items, genres) 0/1"""
    genre_names: tuple[str, ...] = ()
    head: Head | None = None
    band: Ints | None = None
    ids: Ints | None = None
    """(items, digits) semantic IDs, -1 for items without one."""
    groups: Ints | None = None
    """Group code per user."""
    k: int | None = None
    """Cut-off of the lists, None where they have no common one."""
    declared_items: int | None = None
    """Size of the catalog where someone stated it, rather than the data at hand implying it."""
    current_profiles: Lists | None = None
    """What each user had taken by the end of the period."""
    chosen: Lists | None = None
    """What each user took of what it was offered."""
    offered: Lists | None = None
    """The items shown from which those were chosen."""
    showings: Floats | None = None
    """Items shown (or produced) per user, repeats included."""
    presented: Floats | None = None
    """Per row of the slates, the place at which a ranker was told of the item, from 1."""
    stratum: Bools | None = None
    """(items,) the items that figures of an item stratum are about."""
    digit: Ints | None = None
    """(items,) the digit of semantic IDs that figures of a digit are about."""
    ratings: Ratings | None = None
    """The ratings users gave."""
    topic: Bools | None = None
    """(items,) the items that opinions are about."""
    ties: Ties | None = None
    space: Space | None = None
    opinions: Floats | None = None
    """Stated leanings per user, which go before those read off the space; NaN where there is none."""

    @cached_property
    def phi(self) -> Floats | None:
        """Return the share of users who have each item."""
        if self.popularity is None or not self.population:
            return None
        return self.popularity / self.population

    @property
    def positions(self) -> Floats | None:
        """Return where each user's list lies in the space of tastes."""
        return None if self.space is None else self.space.positions(self.slates)

    @property
    def profile_positions(self) -> Floats | None:
        """Return where each user's profile lay at time 0."""
        return None if self.space is None or self.profiles is None else self.space.positions(self.profiles)

    @cached_property
    def leaning(self) -> Floats | None:
        """Return each user's leaning: as stated, else the first coordinate of its list; NaN where there is none."""
        if self.opinions is not None:
            return self.opinions
        return None if self.positions is None else self.positions[:, 0]

    @cached_property
    def camp(self) -> Ints | None:
        """Return 0 or 1 by the side of the initial median on which each user leans, -1 without a leaning."""
        if self.leaning is None:
            return None
        if self.opinions is None and self.space is not None:
            middle = self.space.middle
        else:
            known = self.leaning[~np.isnan(self.leaning)]
            middle = float(np.median(known)) if len(known) else 0.0
        return np.where(np.isnan(self.leaning), -1, self.leaning > middle).astype(np.int64)

    @property
    def span(self) -> tuple[float, float] | None:
        """Return the range of leanings: of those stated, else of the profiles at time 0."""
        if self.opinions is not None and not np.isnan(self.opinions).all():
            return float(np.nanmin(self.opinions)), float(np.nanmax(self.opinions))
        return None if self.space is None else self.space.span

    @cached_property
    def stated(self) -> Floats | None:
        """Return each user's opinion of the topic, its mean rating of those items; NaN where there is none."""
        return None if self.ratings is None or self.topic is None else self.ratings.of(self.topic)

    @property
    def scale(self) -> tuple[float, float] | None:
        """Return the lowest and the highest rating."""
        return None if self.ratings is None else self.ratings.scale

    def parts(self) -> "Iterator[tuple[str, str, Evidence]]":
        """Yield the evidence on each item stratum, digit of semantic IDs, and genre that ratings are opinions of.

        Each with the input that is added, and the part's name.
        """
        if self.band is not None:
            for code, name in enumerate(BANDS):
                yield "stratum", f"{name} items", replace(self, stratum=self.band == code)
        for place, digit in enumerate(self.ids.T if self.ids is not None else (), 1):
            yield "digit", f"digit {place}", replace(self, digit=digit)
        for place, genre in enumerate(self.genre_names if self.ratings is not None else ()):
            assert self.genres is not None
            yield "stated", f"genre {genre}", replace(self, topic=self.genres[:, place] > 0)

    def of_users(self, users: Ints) -> "Evidence":
        """Return the evidence on some users (ascending); what does not know users, or takes all of them, is dropped."""
        return replace(
            self,
            slates=self.slates.take(users),
            profiles=self.profiles and self.profiles.take(users),
            test=self.test and self.test.take(users),
            groups=None if self.groups is None else self.groups[users],
            current_profiles=self.current_profiles and self.current_profiles.take(users),
            chosen=self.chosen and self.chosen.take(users),
            offered=self.offered and self.offered.take(users),
            showings=None if self.showings is None else self.showings[users],
            opinions=None if self.opinions is None else self.opinions[users],
            counts=None,
            exposures=None,
            presented=None,
            ratings=None,
            ties=None,
            space=None,
        )
