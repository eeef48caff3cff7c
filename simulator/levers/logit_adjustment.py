"""Scores without the bonus of popularity."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from simulator.catalog import Catalog, Interactions
from simulator.levers.reranked import Offers, Pool, Reranking, best
from simulator.recommenders.base import Recommender, Slates, State


@dataclass
class LogitAdjustment(Reranking):
    """Subtract tau ln(1 + count) from every score (Menon et al., ICLR 2021).

    strength: tau, in units of the pool's range of scores (.1 is felt, 1 shows the pool's least popular).
    pool: items chosen from, the recommender's best; at least the slate.
    """

    strength: Annotated[float, Field(ge=0)]
    pool: Pool = 100

    def learn(self, recommender: Recommender, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> State:
        """Return the logarithm of each item's popularity."""
        return {"popularity": np.log1p(log.counts(len(catalog)))}

    def choose(self, offers: Offers, k: int) -> Slates:
        """Return the k best adjusted scores."""
        popularity = offers.of_item(np.asarray(offers.known["popularity"], dtype=np.float64))
        return offers.picked(*best(offers.relevance() - self.strength * popularity, k))
