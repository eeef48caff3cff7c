"""How often diffusion dreams for one slate."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from simulator.levers.base import Lever, holder
from simulator.recommenders.base import Recommender


@dataclass
class Samples(Lever):
    """Draw more samples of a diffusion for each slate: more of them reach more of a user's tastes.

    strength: samples beyond the recommender's own.
    """

    strength: Annotated[int, Field(ge=0)]

    def changed(self, recommender: Recommender) -> Recommender:
        """Return the recommender with its samples changed."""
        holder(recommender, "samples", "samples").samples += self.strength
        return recommender
