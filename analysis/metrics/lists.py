"""Many users' item lists as flat columns."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from scipy.sparse import csr_array

from agents.schema import PAD, Bools, Floats, Ints
from analysis.metrics.base import sums_by

USERS_AT_ONCE = 8192
"""Users whose rows are turned into a matrix at once: few enough for the processor's cache."""

Made = TypeVar("Made")


@dataclass(frozen=True)
class Lists:
    """One list of distinct items for each of ``n`` users, empty lists included.

    Row by row: ``owner`` (ascending, in 0..n-1) has ``item`` in its list, best first. Build it with
    ``of``, ``of_showings`` or ``of_matrix``, which sort; columns may be of any integer type.

    >>> slates = Lists.of_matrix(np.array([[3, 4], [2, PAD]]))
    >>> slates.rank.tolist(), slates.lengths.tolist()
    ([1, 2, 1], [2, 1])
    """

    owner: Ints
    item: Ints
    n: int
    _derived: dict[object, tuple[object, Any]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @staticmethod
    def of(owner: Ints, item: Ints, n: int) -> "Lists":
        """Return the lists of n users from rows in order of rank within each owner."""
        rows = np.argsort(owner, kind="stable")
        return Lists(owner[rows], item[rows], n)

    @staticmethod
    def of_showings(owner: Ints, item: Ints, n: int) -> "Lists":
        """Return the lists of n users from rows in order of showing, each item of a user at its first one.

        >>> lists = Lists.of_showings(np.array([1, 0, 1, 1]), np.array([7, 5, 6, 7]), 2)
        >>> lists.owner.tolist(), lists.item.tolist()
        ([0, 1, 1], [5, 7, 6])
        """
        keys = owner.astype(np.int64)
        keys <<= 32
        keys |= np.arange(len(owner))
        keys.sort()
        every = Lists((keys >> 32).astype(np.int32), item[keys & 0xFFFFFFFF].astype(np.int32), n)
        rows = every._first_showings()
        return every if rows.all() else Lists(every.owner[rows], every.item[rows], n)

    @staticmethod
    def one_after_other(parts: Sequence["Lists"]) -> "Lists":
        """Return each user's lists as one, an item that comes again only at its first place."""
        some = [part for part in parts if len(part.owner)]
        if len(some) < 2:
            return some[0] if some else parts[0]
        owner, item = (np.concatenate([getattr(part, name) for part in some]) for name in ("owner", "item"))
        return Lists.of_showings(owner, item, parts[0].n)

    def _first_showings(self) -> Bools:
        """Return per row whether it is the owner's first with the item.

        Owner, item and place in the list are sorted as one number: a million of each take 60 of its 63 bits.
        """
        item_bits, place_bits = (
            int(high).bit_length() for high in (self.item.max(initial=0), self.lengths.max(initial=0))
        )
        keys = self._codes(1 << item_bits)
        keys <<= place_bits
        keys |= self.rank - 1
        keys.sort()
        new = np.ones(len(keys), dtype=np.bool_)
        np.not_equal(keys[1:] >> place_bits, keys[:-1] >> place_bits, out=new[1:])
        if new.all():
            return new
        first, keys = np.zeros(len(keys), dtype=np.bool_), keys[new]
        first[self.starts[keys >> (item_bits + place_bits)] + (keys & ((1 << place_bits) - 1))] = True
        return first

    def _codes(self, width: int) -> Ints:
        """Return owner and item of each row as one number."""
        return self.owner.astype(np.int64) * width + self.item

    @staticmethod
    def of_matrix(slates: Ints) -> "Lists":
        """Return the lists of a (users, K) matrix of item ids, best first, short lists filled with PAD."""
        owner, column = np.nonzero(slates != PAD)
        return Lists(owner.astype(np.int64), slates[owner, column], len(slates))

    @cached_property
    def lengths(self) -> Ints:
        """Return the number of items of each user."""
        return np.bincount(self.owner, minlength=self.n).astype(np.int64)

    @cached_property
    def starts(self) -> Ints:
        """Return where each user's rows begin, and at the end the number of rows."""
        return np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)

    @cached_property
    def rank(self) -> Ints:
        """Return each row's place in its list, from 1."""
        return np.arange(len(self.owner)) - np.repeat(self.starts[:-1], self.lengths) + 1

    def sums(self, values: Floats | Bools) -> Floats:
        """Return per user the sum of a value per row, 0 for empty lists."""
        return sums_by(self.owner, values, self.n)

    def means(self, values: Floats | Bools) -> Floats:
        """Return per user the mean of a value per row, NaN for empty lists."""
        with np.errstate(invalid="ignore"):
            return self.sums(values) / self.lengths

    def top(self, k: int) -> "Lists":
        """Return the first k items of each list."""
        rows = self.rank <= k
        return Lists(self.owner[rows], self.item[rows], self.n)

    def totals(self, features: Floats) -> Floats:
        """Return the (users, features) sum over each list of the rows of an (items, features) matrix."""
        summed = np.empty((self.n, features.shape[1]))
        for users, held in self._blocks(len(features)):
            summed[users] = held @ features
        return summed

    def sums_of_pairs(self, between: Floats) -> Floats:
        """Return per user the sum over all ordered pairs of the list of an (items, items) matrix."""
        summed = np.empty(self.n)
        for users, held in self._blocks(len(between)):
            owner = self.owner[self.starts[users.start] : self.starts[users.stop]] - users.start
            summed[users] = sums_by(owner, (held @ between)[owner, held.indices], users.stop - users.start)
        return summed

    def _blocks(self, n_items: int) -> Iterator[tuple[slice, csr_array]]:
        """Yield up to USERS_AT_ONCE neighboring users with their (users, items) 0/1 matrix until all have come."""
        for first in range(0, self.n, USERS_AT_ONCE):
            users = slice(first, min(first + USERS_AT_ONCE, self.n))
            starts = self.starts[users.start : users.stop + 1]
            item = self.item[starts[0] : starts[-1]]
            yield users, csr_array((np.ones(len(item)), item, starts - starts[0]), shape=(len(starts) - 1, n_items))

    def derived(self, make: Callable[["Lists", Floats], Made], by: Floats) -> Made:
        """Return ``make(self, by)``, made once as long as the same array is asked about."""
        known = self._derived.get(make)
        if known is None or known[0] is not by:
            known = self._derived[make] = (by, make(self, by))
        made: Made = known[1]
        return made

    def take(self, users: Ints) -> "Lists":
        """Return the lists of some users (ascending), renumbered from 0."""
        place = np.full(self.n, -1, dtype=np.int64)
        place[users] = np.arange(len(users))
        rows = place[self.owner] >= 0
        return Lists(place[self.owner[rows]], self.item[rows], len(users))

    def within(self, other: "Lists") -> Bools:
        """Return per row whether the same user has the item in the other lists too."""
        width = int(max(self.item.max(initial=0), other.item.max(initial=0))) + 1
        theirs = np.append(np.sort(other._codes(width)), -1)
        mine = self._codes(width)
        return np.asarray(theirs[np.searchsorted(theirs[:-1], mine)] == mine)
