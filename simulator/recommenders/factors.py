"""What factor models share: items are vectors, and so is a user, computed from the history of its request."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy import sparse

from agents.schema import Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Progress, Requests, Scorer, State, silent
from simulator.recommenders.linear import PRIOR, decayed_history, taken

BLOCK = 32
"""Users whose vectors meet the items at a time, padded where fewer ask, so that no rounding depends on the batch."""


@dataclass
class Factors(Scorer):
    """Score items by the product of their factors and the user's.

    recency: weight of a history entry relative to the next newer one (1: all alike).
    factors: numbers that describe an item.
    regularization: penalty on the squared factors.
    iterations: passes over the log.
    """

    recency: Annotated[float, Field(gt=0, le=1)] = 1.0
    factors: Annotated[int, Field(ge=1)] = 64
    regularization: Annotated[float, Field(gt=0)] = 0.01
    iterations: Annotated[int, Field(ge=1)] = 10
    _items: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 1)))
    _prior: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))

    @abstractmethod
    def learn(self, matrix: sparse.csr_matrix, seed: int, progress: Progress) -> Floats:
        """Return the factors, one row an item, of a float32 0/1 matrix of who took what."""

    @abstractmethod
    def user(self, items: Ints, weight: Floats) -> Floats:
        """Return the factors of someone who took some items, each with its weight; at least one."""

    def saying(self, progress: Progress) -> Callable[..., None]:
        """Return what the library is to call after each of its passes."""
        return lambda done, *_: progress((done + 1) / self.iterations, f"pass {done + 1} of {self.iterations}")

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Learn the items' factors, on one thread; users' factors are not kept."""
        counts = log.counts(len(catalog))
        matrix = sparse.csr_matrix(taken(log, len(catalog)), dtype=np.float32)
        items = self.learn(matrix, int(rng.integers(2**31)), progress) if len(log) else np.zeros((len(counts), 1))
        self._take(np.asarray(items, dtype=np.float64), PRIOR * counts / max(counts.sum(), 1.0))

    def score(self, requests: Requests) -> Floats:
        """Return the products, plus a trace of popularity, which alone serves empty histories."""
        profile = decayed_history(requests, len(self._prior), self.recency)
        scores = np.tile(self._prior, (len(requests), 1))
        for first in range(0, len(requests), BLOCK):
            users = np.zeros((BLOCK, self._items.shape[1]))
            rows = slice(first, min(first + BLOCK, len(requests)))
            for row in range(rows.start, rows.stop):
                entries = slice(profile.indptr[row], profile.indptr[row + 1])
                if entries.start < entries.stop:
                    told = profile.indices[entries].astype(np.int64)
                    users[row - first] = self.user(told, profile.data[entries].astype(np.float64))
            scores[rows] += (users @ self._items.T)[: rows.stop - first]
        return scores

    def state(self) -> State:
        """Return the items' factors and the prior."""
        return {"items": self._items, "prior": self._prior}

    def load_state(self, state: State) -> None:
        """Take over factors and prior."""
        self._take(np.asarray(state["items"], dtype=np.float64), np.asarray(state["prior"], dtype=np.float64))

    def _take(self, items: Floats, prior: Floats) -> None:
        """Keep what was learned."""
        self._items, self._prior = items, prior
