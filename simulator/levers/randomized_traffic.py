"""Users set apart to be shown chance, so that what is learned from them owes nothing to what was recommended."""

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import Field

from agents.schema import Bools, Ints
from simulator.catalog import Catalog, Interactions
from simulator.levers.exploration import Exploration
from simulator.levers.reranked import Offers, Reranking
from simulator.recommenders.base import Recommender, Slates, State
from simulator.seeds import Streams

ALWAYS = Exploration(strength=1.0)


@dataclass
class RandomizedTraffic(Reranking):
    """Show some users uniform slates throughout, and learn of all that happens in a run from them alone.

    Feedback of everybody else never returns to the recommender, so that the loop is open; what was known at the start
    is learned from as ever. Who is set apart is drawn by user, and each item's chance is logged for them alone.

    strength: share of users set apart.
    """

    strength: Annotated[float, Field(ge=0, le=1)]
    pool: int = field(init=False, repr=False, default=1)

    def lessons(self, log: Interactions) -> Interactions:
        """Return what was known at the start, and what users set apart took."""
        return log.take(~log.is_synthetic | self._apart(log.user_id))

    def learn(self, recommender: Recommender, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> State:
        """Return the items that can be shown."""
        return ALWAYS.learn(recommender, log, catalog, rng)

    def choose(self, offers: Offers, k: int) -> Slates:
        """Return uniform slates for users set apart, the recommender's for the others."""
        uniform, apart = ALWAYS.choose(offers, k), self._apart(offers.requests.user_id)[:, None]
        return Slates(
            np.where(apart, uniform.item_id, offers.item),
            np.where(apart, uniform.score, offers.slates.score),
            np.where(apart, uniform.log_propensity, np.nan),
            offers.slates.diagnostics,
        )

    def _apart(self, user_id: Ints) -> Bools:
        return Streams(0).uniform("randomized traffic", user_id) < self.strength
