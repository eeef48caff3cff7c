"""Who is tied to whom, and what ties would look like by chance."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from agents.schema import Bools, Floats, Ints

NULL_DRAWS = 50
NULL_KEY = 20_163_004
"""Key of the fixed Philox stream of nulls: the same draws in every arm, day and run of one size."""

Drawn = TypeVar("Drawn", bound=npt.NDArray[Any])


@dataclass(frozen=True)
class Ties:
    """Undirected ties among the users 0..n-1, each once and none to oneself."""

    first: Ints
    second: Ints
    n: int

    @staticmethod
    def of(one: Ints, other: Ints, n: int) -> "Ties":
        """Return the ties of pairs in any order; repeated pairs and those of a user with itself are left out.

        >>> ties = Ties.of(np.array([1, 0, 2]), np.array([0, 1, 2]), 3)
        >>> ties.first.tolist(), ties.second.tolist()
        ([0], [1])
        """
        low, high = np.minimum(one, other), np.maximum(one, other)
        pair = np.unique((low * n + high)[low < high])
        return Ties(pair // n, pair % n, n)

    def among(self, there: Bools) -> "Ties":
        """Return the ties between users who are there, numbered as before."""
        kept = there[self.first] & there[self.second]
        return self if kept.all() else Ties(self.first[kept], self.second[kept], self.n)

    def __len__(self) -> int:
        return len(self.first)

    @cached_property
    def degree(self) -> Ints:
        """Return the number of ties of each user."""
        return np.bincount(np.concatenate([self.first, self.second]), minlength=self.n).astype(np.int64)

    @cached_property
    def matrix(self) -> csr_array:
        """Return the symmetric (n, n) adjacency matrix."""
        both = (np.concatenate([self.first, self.second]), np.concatenate([self.second, self.first]))
        return coo_array((np.ones(2 * len(self)), both), shape=(self.n, self.n)).tocsr()

    def rewired(self) -> tuple[Ints, Ints]:
        """Return the ends of the ties, (draws, ties) each, of NULL_DRAWS graphs of the configuration model.

        Ends of ties are paired at random, so each user keeps its number of ties; ties to oneself and double
        ties may come up, as in the model that modularity assumes.
        """
        ends = np.repeat(np.arange(self.n), self.degree)
        drawn = shuffled(ends)
        return drawn[:, : len(self)], drawn[:, len(self) :]

    @cached_property
    def largest(self) -> Ints:
        """Return the users of the largest connected part, ascending."""
        _, part = connected_components(self.matrix, directed=False)
        return np.flatnonzero(part == np.bincount(part).argmax())

    @cached_property
    def potentials(self) -> Floats:
        """Return the pseudo-inverse of the Laplacian of the largest connected part, users in its order."""
        inside = self.matrix[self.largest][:, self.largest].toarray()
        share = 1 / len(inside)
        return np.asarray(np.linalg.inv(np.diag(inside.sum(axis=1)) - inside + share) - share)


def shuffled(values: Drawn) -> Drawn:
    """Return (NULL_DRAWS, len(values)): the values dealt out by lot.

    >>> dealt = shuffled(np.array([1, 2, 3]))
    >>> dealt.shape, sorted(dealt[0].tolist())
    ((50, 3), [1, 2, 3])
    """
    random = np.random.Generator(np.random.Philox(key=NULL_KEY))
    return cast(Drawn, random.permuted(np.tile(values, (NULL_DRAWS, 1)), axis=1))
