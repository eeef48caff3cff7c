"""How closely diffusion follows the history."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from simulator.levers.base import Lever, holder
from simulator.recommenders.base import Recommender


@dataclass
class Guidance(Lever):
    """Raise the guidance weight w of a diffusion: (1 + w) conditional - w unconditional (Ho & Salimans 2022).

    strength: what is added to the recommender's own w.
    """

    strength: Annotated[float, Field(ge=0)]

    def changed(self, recommender: Recommender) -> Recommender:
        """Return the recommender with its guidance changed."""
        holder(recommender, "guidance", "guidance").guidance += self.strength
        return recommender
