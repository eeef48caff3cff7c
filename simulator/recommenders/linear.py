"""What item-to-item recommenders share: a weighted history times a matrix of item weights."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import sparse

from agents.schema import Floats
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Progress, Requests, Scorer, State, silent

Weights = sparse.csr_array | npt.NDArray[np.floating]
"""Item weights, sparse where most are zero."""

PRIOR = 1e-6
"""Weight of popularity in every score: it orders items without evidence and serves empty histories."""


@dataclass
class ItemToItem(Scorer):
    """Score items by their weights from the items of the history.

    recency: weight of a history entry relative to the next newer one (1: all alike).
    """

    recency: Annotated[float, Field(gt=0, le=1)] = 1.0
    _weights: Weights = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 0)))
    _prior: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))

    @abstractmethod
    def weights(self, log: Interactions, n_items: int) -> Weights:
        """Return the (items, items) matrix, rows from, columns to."""

    def profile(self, requests: Requests, n_items: int) -> sparse.csr_array:
        """Return the (B, items) weights of the histories' items."""
        return decayed_history(requests, n_items, self.recency)

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Learn the item weights; draws nothing."""
        counts = log.counts(len(catalog))
        self._prior = PRIOR * counts / max(counts.sum(), 1.0)
        self._weights = self.weights(log, len(catalog)).astype(np.float32)
        progress(1.0, "item weights")

    def score(self, requests: Requests) -> Floats:
        """Return the evidence plus a trace of popularity."""
        evidence = self.profile(requests, len(self._prior)) @ self._weights  # scipy sums each row alone, in order
        return (evidence.toarray() if sparse.issparse(evidence) else evidence) + self._prior

    def state(self) -> State:
        """Return the weights (dense, or the three arrays of a compressed sparse matrix) and the prior."""
        if not sparse.issparse(self._weights):
            return {"prior": self._prior, "weights": np.asarray(self._weights)}
        kept = sparse.csr_array(self._weights)
        return {"prior": self._prior, "data": kept.data, "indices": kept.indices, "indptr": kept.indptr}

    def load_state(self, state: State) -> None:
        """Take over weights and prior."""
        self._prior = np.asarray(state["prior"], dtype=np.float64)
        n = len(self._prior)
        if "weights" in state:
            self._weights = np.asarray(state["weights"], dtype=np.float32)
        else:
            self._weights = sparse.csr_array((state["data"], state["indices"], state["indptr"]), shape=(n, n))


def decayed_history(requests: Requests, n_items: int, recency: float, last: int | None = None) -> sparse.csr_array:
    """Return the (B, items) matrix of recency^age of the ``last`` newest known entries of each history."""
    age = requests.age()
    kept = (requests.history >= 0) & (requests.history < n_items)
    if last is not None:
        kept &= age < last
    weight = (recency ** age[kept].astype(np.float64)).astype(np.float32)
    starts = np.append(0, np.cumsum(kept))[requests.starts]
    profile = sparse.csr_array((weight, requests.history[kept], starts), shape=(len(requests), n_items))
    profile.sum_duplicates()  # and sorts: what is summed later does not depend on the order of the history
    return profile


def taken(log: Interactions, n_items: int) -> sparse.csr_array:
    """Return the 0/1 matrix of who took what, one row per user of the log in ascending order."""
    users, row = np.unique(log.user_id, return_inverse=True)
    matrix = sparse.csr_array((np.ones(len(log)), (row, log.item_id)), shape=(len(users), n_items))
    matrix.data[:] = 1.0
    return matrix
