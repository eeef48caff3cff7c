"""Relevance against likeness."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from agents.schema import Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.levers.reranked import Offers, Pool, Reranking, greedily
from simulator.recommenders.base import Recommender, Slates, State


@dataclass
class Mmr(Reranking):
    """Fill slates with what is relevant and unlike what stands there (MMR; Carbonell & Goldstein, SIGIR 1998).

    Likeness is the cosine of genres; in a catalog without genres nothing changes.

    strength: weight of the likeness to the most similar item above, 1 - lambda of the paper.
    pool: items chosen from, the recommender's best; at least the slate.
    """

    strength: Annotated[float, Field(ge=0, le=1)]
    pool: Pool = 100

    def learn(self, recommender: Recommender, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> State:
        """Return the genres of each item as bits, 64 a word."""
        bits = np.pad(catalog.genre_matrix > 0, ((0, 0), (0, -len(catalog.genres) % 64)))
        return {"genres": np.packbits(bits, axis=1).view(np.uint64)}

    def choose(self, offers: Offers, k: int) -> Slates:
        """Return slates that grow by the best trade-off."""
        genres = offers.known["genres"].astype(np.uint64)[np.where(offers.there, offers.item, 0)]
        count = np.bitwise_count(genres).sum(axis=2)
        users, closest = np.arange(len(count)), np.zeros(count.shape)

        def gain(taken: Ints | None) -> Floats:
            if taken is not None:
                common = np.bitwise_count(genres & genres[users, taken][:, None]).sum(axis=2)
                size = np.maximum(count * count[users, taken][:, None], 1)  # counted, so rows cannot round apart
                np.maximum(closest, common / np.sqrt(size), out=closest)
            return -closest

        return offers.picked(*greedily(offers.relevance(), gain, self.strength, k))
