"""Learning to prefer what was taken to what was not."""

from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from simulator.levers.base import Lever, holder
from simulator.recommenders.base import Recommender


@dataclass
class Sdpo(Lever):
    """Add the softmax preference loss against several drawn items (S-DPO; Chen et al., NeurIPS 2024).

    strength: weight of that loss beside cross-entropy.
    """

    strength: Annotated[float, Field(ge=0)]

    def changed(self, recommender: Recommender) -> Recommender:
        """Return the recommender with its objective changed."""
        part = holder(recommender, "objective", "sdpo")
        part.objective = replace(part.objective, sdpo=self.strength)
        return recommender
