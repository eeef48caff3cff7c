"""Neighborhoods of items that the same users took."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy import sparse

from agents.schema import Floats, Ints
from simulator.catalog import Interactions
from simulator.recommenders.base import CELLS, highest
from simulator.recommenders.linear import ItemToItem, taken

NOTHING = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))


@dataclass
class ItemKnn(ItemToItem):
    """Recommend the nearest neighbors of the history's items by shrunk cosine (Sarwar et al., WWW 2001).

    recency: weight of a history entry relative to the next newer one (1: all alike; .5 suits films).
    neighbors: neighbors kept for each item.
    shrink: added to the cosine's denominator, against similarities that few users support.
    """

    neighbors: Annotated[int, Field(ge=1)] = 200
    shrink: Annotated[float, Field(ge=0)] = 10.0

    def weights(self, log: Interactions, n_items: int) -> sparse.csr_array:
        """Return the cosines of each item (column) with its neighbors (rows), a block of columns at a time."""
        matrix = taken(log, n_items)
        size, takers = np.sqrt(matrix.sum(axis=0)), sparse.csr_array(matrix.T)
        step = max(1, CELLS // max(n_items, 1))
        found = [self._nearest(takers[first : first + step], matrix, size, first) for first in range(0, n_items, step)]
        row, col, cosine = (np.concatenate(part) for part in zip(*found, strict=True)) if found else NOTHING
        return sparse.csr_array((cosine, (row, col)), shape=(n_items, n_items))

    def _nearest(
        self, takers: sparse.csr_array, matrix: sparse.csr_array, size: Floats, first: int
    ) -> tuple[Ints, Ints, Floats]:
        """Return (neighbor, item, cosine) of the items from ``first`` on, by descending cosine, ties by neighbor."""
        both = (takers @ matrix).toarray()
        own = np.arange(len(both))
        both[own, first + own] = 0.0
        scale = size[first : first + len(both), None] * size + self.shrink
        near, cosine = highest(np.divide(both, scale, out=np.zeros_like(both), where=both > 0), self.neighbors)
        item, place = np.nonzero(cosine > 0)
        return near[item, place], first + item, cosine[item, place]
