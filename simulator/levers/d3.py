"""Generation that does not amplify what is easy to say."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from simulator.catalog import Catalog, Interactions
from simulator.levers.base import holder
from simulator.levers.reranked import Offers, Pool, Reranking, best
from simulator.recommenders.base import CHUNK, Recommender, Slates, State
from simulator.recommenders.skip_markov import SkipMarkov


@dataclass
class D3(Reranking):
    """Leave ghost digits out of generated scores, and mix in an assistant's (D3; Bao et al., EMNLP 2024).

    Ghost digits are no choice: the only continuation of what stands before them. The assistant knows no semantic ID:
    it is `skip_markov` with its defaults. At any strength above 0 no ghost digit counts.

    strength: weight of the assistant's scores, alpha of the paper, both in units of the pool's range.
    pool: items generated, of which the slate is chosen; at least the slate.
    """

    strength: Annotated[float, Field(ge=0, le=1)]
    pool: Pool = 20

    def changed(self, recommender: Recommender) -> Recommender:
        """Return the recommender with its decoding changed and its slates chosen anew."""
        holder(recommender, "ghosts", "d3").ghosts = False
        return super().changed(recommender)

    def learn(self, recommender: Recommender, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> State:
        """Return what the assistant learned."""
        assistant = SkipMarkov()
        assistant.fit(log, catalog, rng=rng)
        return assistant.state()

    def choose(self, offers: Offers, k: int) -> Slates:
        """Return the k best of the mixed scores."""
        assistant, scores = SkipMarkov(), np.full(offers.item.shape, np.nan)
        assistant.load_state(dict(offers.known))
        for first in range(0, len(scores), 8 * CHUNK):
            rows = slice(first, first + 8 * CHUNK)
            whole = assistant.score(offers.requests.part(first, min(first + 8 * CHUNK, len(scores))))
            scores[rows] = np.take_along_axis(whole, np.maximum(offers.item[rows], 0), axis=1)
        advice = Offers(offers.requests, Slates(offers.item, scores, scores), {})
        left = np.where(offers.there, (1 - self.strength) * np.maximum(offers.relevance(), 0.0), -np.inf)
        return offers.picked(*best(left + self.strength * np.maximum(advice.relevance(), 0.0), k))
