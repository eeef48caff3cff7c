"""Chance while generating."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from simulator.levers.base import Lever, holder
from simulator.recommenders.base import Recommender


@dataclass
class Gumbel(Lever):
    """Add Gumbel noise to every step of every generated semantic ID (compare stochastic beams; Kool et al., ICML 2019).

    strength: added to the factor of the noise; at 1 in all, paths are drawn from the recommender's distribution.
    """

    strength: Annotated[float, Field(ge=0)]

    def changed(self, recommender: Recommender) -> Recommender:
        """Return the recommender with its decoding changed."""
        holder(recommender, "gumbel", "gumbel").gumbel += self.strength
        return recommender
