"""Opinions put into the world."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from agents.errors import InvalidInput
from agents.schema import Bools
from simulator.interventions.base import Deed, Opinions, Scene
from simulator.interventions.chosen import Chosen, first, told
from simulator.scenario import Duration


@dataclass(kw_only=True)
class SeedOpinions(Chosen):
    """Let a share of the users, drawn by seed, hear of items from a friend, or seem to have rated them.

    By ``friends`` it is word of mouth like any other, from one of the user's friends drawn by seed (users without
    friends hear nothing); it needs a ``social`` section. By ``ratings`` the platform takes invented ratings for real:
    they count in its log and its public counts, so the next training learns from them; users know nothing of them, and
    are still shown the items.

    at: when.
    users: share of the users.
    through: ``friends`` or ``ratings``.
    rating: what ratings say (none: the highest of the scale).
    """

    at: Duration
    users: Annotated[float, Field(gt=0, le=1)]
    through: Literal["friends", "ratings"] = "friends"
    rating: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rating is not None and self.through == "friends":
            raise InvalidInput("rating: friends tell of items without one; remove it, or say through: ratings")

    @property
    def needs_ties(self) -> bool:
        """Tell whether friends must exist."""
        return self.through == "friends"

    def prepare(self, scene: Scene) -> Bools:
        """Check the items and the rating; hold nothing back."""
        self.chosen(scene)
        lowest, highest, _ = scene.scale
        if self.rating is not None and not lowest <= self.rating <= highest:
            raise InvalidInput(f"rating: {self.rating:g} is not on the scale from {lowest:g} to {highest:g}")
        return super().prepare(scene)

    def act(self, event: str, scene: Scene) -> Deed:
        """Tell every chosen user of every chosen item."""
        users = np.flatnonzero(first(np.argsort(scene.uniform("users", np.arange(scene.n_users))), self.users))
        items = np.flatnonzero(chosen := self.chosen(scene))
        user_id, item_id = np.repeat(users, len(items)), np.tile(items, len(users))
        rating = None
        if self.through == "ratings":
            rating = np.full(len(user_id), scene.scale[1] if self.rating is None else self.rating)
        heard = "hear from a friend of" if rating is None else f"seem to have rated {rating[0]:g}"
        said = f"{len(users):,} user{'s' * (len(users) != 1)} {heard} {told(chosen, scene.catalog)}"
        return Deed((said,), opinions=Opinions(user_id, item_id, rating))
