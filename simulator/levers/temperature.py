"""Chance among the best."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from simulator.levers.reranked import Offers, Pool, Reranking, best
from simulator.recommenders.base import Slates
from simulator.seeds import Streams


@dataclass
class Temperature(Reranking):
    """Draw slates by softmax without replacement, by Gumbel top-k (Kool et al., ICML 2019).

    The propensity logged is the chance of the item among those not drawn before it.

    strength: temperature, in units of the pool's range of scores (.05 stirs neighbors, 1 is close to chance).
    pool: items drawn from, the recommender's best; at least the slate.
    """

    strength: Annotated[float, Field(ge=0)]
    pool: Pool = 100

    def choose(self, offers: Offers, k: int) -> Slates:
        """Return the k largest of relevance / temperature + Gumbel noise, keyed by request and item."""
        logit = offers.relevance() / self.strength
        uniform = Streams(0).uniform("temperature", offers.requests.seed[:, None], offers.item) + 2.0**-54
        places, noisy = best(logit - np.log(-np.log(uniform)), offers.item.shape[1])
        ordered = np.take_along_axis(logit, places, axis=1)
        with np.errstate(invalid="ignore"):  # beyond the pool's end
            logged = ordered - np.logaddexp.accumulate(ordered[:, ::-1], axis=1)[:, ::-1]
        return offers.picked(places[:, :k], noisy[:, :k], logged[:, :k])
