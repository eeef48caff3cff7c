"""Neighborhoods of users who took the same items."""

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy import sparse

from agents.schema import PAD, Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import CELLS, Progress, Requests, Scorer, State, highest, silent
from simulator.recommenders.linear import PRIOR, decayed_history


@dataclass
class UserKnn(Scorer):
    """Recommend what the users of the log nearest by shrunk cosine took (Herlocker et al., SIGIR 1999).

    recency: weight of a history entry relative to the next newer one (1: all alike; .6 suits films).
    neighbor_recency: the same of what a neighbor took (1: all alike; .98 suits films).
    neighbors: users who are asked.
    shrink: added to the cosine's denominator, against similarities that few items support.
    """

    recency: Annotated[float, Field(gt=0, le=1)] = 1.0
    neighbor_recency: Annotated[float, Field(gt=0, le=1)] = 1.0
    neighbors: Annotated[int, Field(ge=1)] = 50
    shrink: Annotated[float, Field(ge=0)] = 0.0
    _taken: sparse.csr_array = field(init=False, repr=False, default_factory=lambda: sparse.csr_array((0, 0)))
    _prior: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))
    _takers: sparse.csr_array = field(init=False, repr=False, default_factory=lambda: sparse.csr_array((0, 0)))
    _size: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Remember who took what and how long ago; draws nothing."""
        counts = log.counts(len(catalog))
        weighed = decayed_log(log, len(catalog), self.neighbor_recency)
        self._take(weighed, PRIOR * counts / max(counts.sum(), 1.0))
        progress(1.0, "users")

    def score(self, requests: Requests) -> Floats:
        """Return what the neighbors took, weighted by their similarity, plus a trace of popularity."""
        step = max(1, CELLS // max(len(self._size), 1))
        parts = [self._nearest(requests.part(b, min(b + step, len(requests)))) for b in range(0, len(requests), step)]
        near, similarity = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        kept = (near != PAD) & (similarity > 0)
        starts = np.append(0, np.cumsum(kept.sum(axis=1)))
        voices = sparse.csr_array((similarity[kept], near[kept], starts), shape=(len(near), len(self._size)))
        return np.asarray((voices @ self._taken).toarray() + self._prior)

    def _nearest(self, requests: Requests) -> tuple[Ints, Floats]:
        """Return the nearest users of the log, as rows, and their similarity, (B, neighbors) each."""
        profile = decayed_history(requests, len(self._prior), self.recency).astype(np.float64)
        common = (profile @ self._takers).toarray()
        own = np.sqrt(np.asarray(profile.multiply(profile).sum(axis=1)))
        cosine = common / np.maximum(own[:, None] * self._size + self.shrink, PRIOR)
        return highest(cosine, self.neighbors)

    def state(self) -> State:
        """Return who took what, as the arrays of a compressed sparse matrix, and the prior."""
        kept = self._taken
        return {"prior": self._prior, "data": kept.data, "indices": kept.indices, "indptr": kept.indptr}

    def load_state(self, state: State) -> None:
        """Take over who took what."""
        prior = np.asarray(state["prior"], dtype=np.float64)
        shape = (len(state["indptr"]) - 1, len(prior))
        self._take(sparse.csr_array((state["data"], state["indices"], state["indptr"]), shape=shape), prior)

    def _take(self, weighed: sparse.csr_array, prior: Floats) -> None:
        """Keep the log's users, and what their similarity is computed from: items by taker, sizes of histories."""
        self._taken, self._prior = weighed, prior
        ones = sparse.csr_array((np.ones_like(weighed.data), weighed.indices, weighed.indptr), shape=weighed.shape)
        self._takers, self._size = sparse.csr_array(ones.T), np.sqrt(np.diff(weighed.indptr).astype(np.float64))


def decayed_log(log: Interactions, n_items: int, recency: float) -> sparse.csr_array:
    """Return recency^age, age counted in what that user took later, one row per user of the log in ascending order.

    What was taken again counts by its newest time.
    """
    users, row = np.unique(log.user_id, return_inverse=True)
    order, count = np.argsort(row, kind="stable"), np.bincount(row, minlength=len(users))
    later = np.repeat(np.cumsum(count), count) - 1 - np.arange(len(row))
    cell, newest = np.unique((row * n_items + log.item_id)[order][::-1], return_index=True)
    starts = np.searchsorted(cell, np.arange(len(users) + 1) * n_items)
    weight = recency ** later[::-1][newest].astype(np.float64)
    return sparse.csr_array((weight, cell % max(n_items, 1), starts), shape=(len(users), n_items))
