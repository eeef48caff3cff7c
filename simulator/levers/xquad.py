"""Every aspect a user cares for gets its place."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from agents.schema import Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.levers.reranked import Offers, Pool, Reranking, genre_weights, greedily, head
from simulator.recommenders.base import Recommender, Slates, State


@dataclass
class Xquad(Reranking):
    """Cover the aspects of the user's history by the slate (xQuAD; Santos et al., WWW 2010).

    Head and tail stay open by the share of the slate that they do not have yet (smooth xQuAD; Abdollahpouri et al.,
    FLAIRS 2019), genres until items shown have them. Empty histories get the recommender's slates.

    strength: weight of coverage, lambda of the paper.
    aspects: what is covered: ``popularity`` (head and tail; the head's items hold 80 % of interactions) or ``genres``.
    pool: items chosen from, the recommender's best; at least the slate.
    """

    strength: Annotated[float, Field(ge=0, le=1)]
    aspects: Literal["popularity", "genres"] = "popularity"
    pool: Pool = 100

    def learn(self, recommender: Recommender, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> State:
        """Return (items, aspects), how much of an item each aspect is."""
        if self.aspects == "genres":
            return {"aspects": genre_weights(catalog)}
        popular = head(log.counts(len(catalog)))
        return {"aspects": np.stack([popular, 1 - popular], axis=1)}

    def choose(self, offers: Offers, k: int) -> Slates:
        """Return slates that grow by the best trade-off of relevance and what is not covered yet."""
        table = np.asarray(offers.known["aspects"], dtype=np.float64)
        wished, aspects = offers.history(table), offers.of_item(table)
        wished /= np.maximum(wished.sum(axis=1, keepdims=True), 1e-12)
        users, shown = np.arange(len(wished)), list[Floats]()
        left = _smooth if self.aspects == "popularity" else _product

        def gain(taken: Ints | None) -> Floats:
            if taken is not None:
                shown.append(aspects[users, taken])
            lacking = wished * left(shown) if shown else wished
            return np.asarray((aspects @ lacking[:, :, None])[:, :, 0])

        return offers.picked(*greedily(offers.relevance(), gain, self.strength, k))


def _smooth(shown: list[Floats]) -> Floats:
    """Return 1 - the share that each aspect has of the items shown."""
    return np.asarray(1 - np.mean(shown, axis=0))


def _product(shown: list[Floats]) -> Floats:
    """Return the product of 1 - what each item shown has of each aspect."""
    return np.asarray(np.prod([1 - item for item in shown], axis=0))
