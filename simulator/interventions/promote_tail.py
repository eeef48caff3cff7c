"""Unpopular items raised."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from simulator.interventions.base import Deed, Intervention, Scene, Terms
from simulator.scenario import Duration


@dataclass
class PromoteTail(Intervention):
    """Raise the items of the tail in every slate (the lever ``tail_boost``, outermost).

    at: when.
    until: when it ends (none: never).
    strength: what a tail item gains, in units of the pool's range of scores (.5 is felt, above 1 the tail comes first).
    pool: items chosen from, the recommender's best; at least the slate.
    """

    at: Duration
    strength: Annotated[float, Field(gt=0)]
    until: Duration | None = None
    pool: Annotated[int, Field(ge=1)] = 100

    def terms(self, terms: Terms) -> Terms:
        """Return the terms with the lever."""
        lever = {"kind": "tail_boost", "strength": self.strength, "pool": self.pool}
        return terms.beneath(lever)

    def act(self, event: str, scene: Scene) -> Deed:
        """Say how much."""
        return Deed((f"strength {self.strength:g}",))
