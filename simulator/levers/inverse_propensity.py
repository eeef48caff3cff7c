"""Learning that does not repeat what was shown most."""

from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from simulator.levers.base import Lever, holder
from simulator.recommenders.base import Recommender


@dataclass
class InversePropensity(Lever):
    """Weigh what is learned from by popularity^-e (Schnabel et al., ICML 2016).

    strength: the exponent e; 1 gives every item the same say in all.
    """

    strength: Annotated[float, Field(ge=0)]

    def changed(self, recommender: Recommender) -> Recommender:
        """Return the recommender with its objective changed."""
        part = holder(recommender, "objective", "inverse_propensity")
        part.objective = replace(part.objective, inverse_propensity=self.strength)
        return recommender
