"""Many users' item lists as flat columns."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from agents.schema import PAD, Bools, Floats, Ints
from analysis.metrics.base import sums_by


@dataclass(frozen=True)
class Lists:
    """One list of distinct items for each of ``n`` users, empty lists included.

    Row by row: ``owner`` (ascending, in 0..n-1) has ``item`` in its list, best first. Build it with
    ``of`` or ``of_matrix``, which sort.

    >>> slates = Lists.of_matrix(np.array([[3, 4], [2, PAD]]))
    >>> slates.rank.tolist(), slates.lengths.tolist()
    ([1, 2, 1], [2, 1])
    """

    owner: Ints
    item: Ints
    n: int

    @staticmethod
    def of(owner: Ints, item: Ints, n: int) -> "Lists":
        """Return the lists of n users from rows in order of rank within each owner."""
        rows = np.argsort(owner, kind="stable")
        return Lists(owner[rows], item[rows], n)

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
    def rank(self) -> Ints:
        """Return each row's place in its list, from 1."""
        starts = np.cumsum(self.lengths) - self.lengths
        return np.arange(len(self.owner)) - starts[self.owner] + 1

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

    def incidence(self, n_items: int) -> csr_array:
        """Return the (users, items) sparse 0/1 matrix."""
        starts = np.concatenate([[0], np.cumsum(self.lengths)])
        return csr_array((np.ones(len(self.item)), self.item, starts), shape=(self.n, n_items))

    def take(self, users: Ints) -> "Lists":
        """Return the lists of some users (ascending), renumbered from 0."""
        place = np.full(self.n, -1, dtype=np.int64)
        place[users] = np.arange(len(users))
        rows = place[self.owner] >= 0
        return Lists(place[self.owner[rows]], self.item[rows], len(users))

    def within(self, other: "Lists") -> Bools:
        """Return per row whether the same user has the item in the other lists too."""
        width = int(max(self.item.max(initial=0), other.item.max(initial=0))) + 1
        theirs = np.append(np.sort(other.owner * width + other.item), -1)
        mine = self.owner * width + self.item
        return np.asarray(theirs[np.searchsorted(theirs[:-1], mine)] == mine)
