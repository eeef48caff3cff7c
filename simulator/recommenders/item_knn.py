"""Neighborhoods of items that the same users took."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy import sparse

from simulator.catalog import Interactions
from simulator.recommenders.linear import ItemToItem, taken


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
        """Return the cosines of each item (column) with its neighbors (rows)."""
        matrix = taken(log, n_items)
        together = sparse.csr_array(matrix.T @ matrix).tocoo()
        size = np.sqrt(matrix.sum(axis=0))
        near = together.row != together.col
        row, col, both = together.row[near], together.col[near], together.data[near]
        cosine = both / (size[row] * size[col] + self.shrink)
        order = np.lexsort((row, -cosine, col))
        row, col, cosine = row[order], col[order], cosine[order]
        place = np.arange(len(col)) - np.searchsorted(col, col)
        kept = place < self.neighbors
        return sparse.csr_array((cosine[kept], (row[kept], col[kept])), shape=(n_items, n_items))
