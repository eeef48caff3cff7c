"""All semantic IDs of a catalog as tables, so that a search walks many of them at once."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from agents.schema import Bools, Ints

Nodes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Level:
    """The nodes of one depth: prefixes of that many digits, numbered in lexicographic order."""

    parent: Nodes
    """Node of the depth above; the root is its own"""
    code: Nodes
    """Its last digit; 0 for the root"""
    child: Nodes
    """(nodes, codes) nodes of the depth below, ``below`` where there is none; empty for whole IDs"""
    below: int
    """How many nodes the depth below has"""
    first: Nodes
    """The leaves below node n are ``first[n]..first[n + 1] - 1``"""

    @cached_property
    def lone(self) -> Bools:
        """Return which nodes have a single leaf below."""
        return np.asarray(np.diff(self.first) == 1)

    @cached_property
    def forced(self) -> Bools:
        """Return which nodes have a single child: what comes after them is no choice."""
        return np.asarray((self.child < self.below).sum(axis=1) == 1)


@dataclass(frozen=True)
class Trie:
    """Levels 0 (the root) to the number of digits, and the item at each leaf."""

    levels: tuple[Level, ...]
    item: Ints

    @staticmethod
    def of(codes: Ints, sizes: tuple[int, ...]) -> "Trie":
        """Return the trie of different (items, digits) codes, digit d below ``sizes[d]``; negative rows are left out.

        >>> trie = Trie.of(np.array([[1, 0], [0, 1], [-1, -1], [1, 1]]), (2, 2))
        >>> trie.item.tolist(), [level.child.tolist() for level in trie.levels]
        ([1, 0, 3], [[[0, 1]], [[3, 0], [1, 2]], [[], [], []]])
        """
        coded = np.flatnonzero(codes[:, 0] >= 0)
        item = coded[np.lexsort(codes[coded].T[::-1])]
        ordered, n = codes[item], len(item)
        starts = [np.zeros(min(n, 1), dtype=np.int64)]
        for depth in range(1, len(sizes) + 1):
            differs = (ordered[1:, :depth] != ordered[:-1, :depth]).any(axis=1)
            starts.append(np.flatnonzero(np.concatenate([[True] * min(n, 1), differs])))
        levels = []
        for depth, first in enumerate(starts):
            parent = np.searchsorted(starts[max(depth - 1, 0)], first, side="right") - 1
            code = ordered[first, depth - 1] if depth else np.zeros_like(first)
            below = len(starts[depth + 1]) if depth < len(sizes) else 0
            child = np.full((len(first), sizes[depth] if below else 0), below, dtype=np.int64)
            levels.append(Level(parent, code, child, below, np.append(first, n)))
        for level, deeper in pairwise(levels):
            level.child[deeper.parent, deeper.code] = np.arange(len(deeper.parent))
        return Trie(tuple(levels), item)

    def open(self, allowed: Bools) -> list[Bools]:
        """Return per depth (B, nodes + 1): below which nodes some item is allowed (B, items); below none is False."""
        count = np.zeros((len(allowed), len(self.item) + 1), dtype=np.int32)
        np.cumsum(allowed[:, self.item], axis=1, out=count[:, 1:])
        found = [np.zeros((len(allowed), len(level.first)), dtype=np.bool_) for level in self.levels]
        for below, level in zip(found, self.levels, strict=True):
            before = count[:, level.first]
            np.not_equal(before[:, 1:], before[:, :-1], out=below[:, :-1])
        return found
