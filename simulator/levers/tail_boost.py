"""A bonus for being in the tail."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from simulator.catalog import Catalog, Interactions
from simulator.levers.reranked import Offers, Pool, Reranking, best, head
from simulator.recommenders.base import Recommender, Slates, State


@dataclass
class TailBoost(Reranking):
    """Add a constant to the scores of tail items; the head's items hold 80 % of interactions.

    strength: the bonus, in units of the pool's range of scores (.5 is felt, above 1 the pool's tail comes first).
    pool: items chosen from, the recommender's best; at least the slate.
    """

    strength: Annotated[float, Field(ge=0)]
    pool: Pool = 100

    def learn(self, recommender: Recommender, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> State:
        """Return which items are the tail."""
        return {"tail": 1.0 - head(log.counts(len(catalog)))}

    def choose(self, offers: Offers, k: int) -> Slates:
        """Return the k best raised scores."""
        tail = offers.of_item(np.asarray(offers.known["tail"], dtype=np.float64))
        return offers.picked(*best(offers.relevance() + self.strength * tail, k))
