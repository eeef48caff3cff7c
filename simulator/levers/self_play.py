"""Learning to prefer what was taken to what it would show itself."""

from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from simulator.levers.base import Lever, holder
from simulator.recommenders.base import Recommender


@dataclass
class SelfPlay(Lever):
    """Add the softmax preference loss against what the recommender itself would show (SPRec; Gao et al., WWW 2025).

    strength: weight of that loss beside cross-entropy.
    """

    strength: Annotated[float, Field(ge=0)]

    def changed(self, recommender: Recommender) -> Recommender:
        """Return the recommender with its objective changed."""
        part = holder(recommender, "objective", "self_play")
        part.objective = replace(part.objective, self_play=self.strength)
        return recommender
