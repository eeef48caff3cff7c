"""What customers with similar purchases bought most, counted sale by sale."""

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy import sparse

from agents.schema import PAD, Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Progress, Requests, Scorer, State, highest, silent
from simulator.recommenders.linear import PRIOR, decayed_history


@dataclass
class NeighborSales(Scorer):
    """Recommend what the most similar other users took most often (Fleder & Hosanagar, Management Science 2009).

    Similarity is the cosine of how often each item was taken, repeats included; ``user_knn`` ignores repeats and
    weighs neighbors by it, here they count alike.

    neighbors: users who are asked.
    discount: power of total sales by which an item's sales to neighbors are divided (0: as they are, 1: their share).
    """

    neighbors: Annotated[int, Field(ge=1)] = 5
    discount: Annotated[float, Field(ge=0)] = 0.0
    _users: Ints = field(init=False, repr=False, default_factory=lambda: np.zeros(0, dtype=np.int64))
    _sales: sparse.csr_array = field(init=False, repr=False, default_factory=lambda: sparse.csr_array((0, 0)))

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Count who took what how often; draws nothing."""
        self._users, row = np.unique(log.user_id, return_inverse=True)
        shape = (len(self._users), len(catalog))
        self._sales = sparse.csr_array((np.ones(len(log)), (row, log.item_id)), shape=shape)
        progress(1.0, "sales")

    def score(self, requests: Requests) -> Floats:
        """Return the neighbors' sales, discounted, plus a trace of popularity, which alone serves empty histories."""
        total = np.asarray(self._sales.sum(axis=0), dtype=np.float64)
        near = self._nearest(requests)
        voices = sparse.csr_array(
            (np.ones((near != PAD).sum()), (np.nonzero(near != PAD)[0], near[near != PAD])),
            shape=(len(near), len(self._users)),
        )
        sold = (voices @ self._sales).toarray() / np.maximum(total, 1.0) ** self.discount
        return np.asarray(sold + PRIOR * total / max(total.sum(), 1.0))

    def _nearest(self, requests: Requests) -> Ints:
        """Return (B, neighbors) rows of the most similar users with anything in common, PAD where they run out."""
        profile = decayed_history(requests, self._sales.shape[1], 1.0).astype(np.float64)
        size = np.sqrt(np.asarray(self._sales.multiply(self._sales).sum(axis=1)))
        common = (profile @ self._sales.T).toarray()
        similarity = np.where(self._users == requests.user_id[:, None], 0.0, common / np.maximum(size, PRIOR))
        near, found = highest(similarity, self.neighbors)
        return np.where(found > 0, near, PAD)

    def state(self) -> State:
        """Return the users and the arrays of a compressed sparse matrix of their sales."""
        sales = self._sales
        shape = np.array(sales.shape)
        return {
            "users": self._users,
            "data": sales.data,
            "indices": sales.indices,
            "indptr": sales.indptr,
            "shape": shape,
        }

    def load_state(self, state: State) -> None:
        """Take over the sales."""
        rows, columns = state["shape"].tolist()
        self._users = np.asarray(state["users"], dtype=np.int64)
        self._sales = sparse.csr_array((state["data"], state["indices"], state["indptr"]), shape=(rows, columns))
