"""Slates in the proportions of what was taken before."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from agents.schema import Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.levers.reranked import Offers, Pool, Reranking, genre_weights, greedily
from simulator.recommenders.base import Recommender, Slates, State

SMOOTHING = 0.01
"""Weight, in items, of the history's own shares in those of the slate: no logarithm of 0."""


@dataclass
class Calibrated(Reranking):
    """Bring the slate's genre shares to those of the history, by greedy KL (Steck, RecSys 2018).

    At equal length, less KL is more of sum p ln(sum of weights), which is submodular: what is added is worth less and
    less. Empty histories, and catalogs without genres, get the recommender's slates.

    strength: weight of calibration, lambda of the paper.
    pool: items chosen from, the recommender's best; at least the slate.
    """

    strength: Annotated[float, Field(ge=0, le=1)]
    pool: Pool = 100

    def learn(self, recommender: Recommender, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> State:
        """Return the weight of each item's genres."""
        return {"genres": genre_weights(catalog)}

    def choose(self, offers: Offers, k: int) -> Slates:
        """Return slates that grow by the best trade-off of relevance and calibration."""
        table = np.asarray(offers.known["genres"], dtype=np.float64)
        wished, genres = offers.history(table), offers.of_item(table)
        wished /= np.maximum(wished.sum(axis=1, keepdims=True), 1e-12)
        users, reached = np.arange(len(wished)), SMOOTHING * wished + (wished == 0)

        def gain(taken: Ints | None) -> Floats:
            if taken is not None:
                reached[:] += genres[users, taken]
            grown = np.log1p(genres / reached[:, None])
            return np.asarray((grown @ wished[:, :, None])[:, :, 0])

        return offers.picked(*greedily(offers.relevance(), gain, self.strength, k))
