"""What metrics are measured on: lists, counts and what is known about items and users."""

from dataclasses import dataclass, replace
from functools import cached_property

from agents.schema import Floats, Ints
from analysis.metrics.lists import Lists
from analysis.metrics.strata import Head


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
    head: Head | None = None
    band: Ints | None = None
    groups: Ints | None = None
    """Group code per user."""
    k: int | None = None
    """Cut-off of the lists, None where they have no common one."""
    declared_items: int | None = None
    """Size of the catalog where someone stated it, rather than the data at hand implying it."""

    @cached_property
    def phi(self) -> Floats | None:
        """Return the share of users who have each item."""
        if self.popularity is None or not self.population:
            return None
        return self.popularity / self.population

    def of_users(self, users: Ints) -> "Evidence":
        """Return the evidence on some users (ascending); counts, which do not know users, are dropped."""
        return replace(
            self,
            slates=self.slates.take(users),
            profiles=self.profiles and self.profiles.take(users),
            test=self.test and self.test.take(users),
            groups=None if self.groups is None else self.groups[users],
            counts=None,
            exposures=None,
        )
