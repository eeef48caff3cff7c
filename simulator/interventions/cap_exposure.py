"""No item on too many slates, for a while."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from simulator.interventions.base import Deed, Intervention, Scene, Terms
from simulator.scenario import Duration


@dataclass
class CapExposure(Intervention):
    """Cap the share of slates that an item is expected on (the lever ``exposure_cap``, outermost).

    at: when.
    until: when it ends (none: never).
    share: the cap; the lever says what happens where it cannot be met.
    pool: items chosen from, the recommender's best; at least the slate.
    """

    at: Duration
    share: Annotated[float, Field(ge=0, lt=1)]
    until: Duration | None = None
    pool: Annotated[int, Field(ge=1)] = 100

    def terms(self, terms: Terms) -> Terms:
        """Return the terms with the lever."""
        lever = {"kind": "exposure_cap", "strength": 1 - self.share, "slate": terms.slate_size, "pool": self.pool}
        return terms.beneath(lever)

    def act(self, event: str, scene: Scene) -> Deed:
        """Say how much."""
        return Deed((f"an item on at most {self.share:.1%} of slates",))
