"""What simulated users really want, for the one kind of recommender that may know it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agents.behaviors.base import Behavior
from agents.errors import InvalidInput
from agents.pairs import Pairs
from agents.schema import Floats, Ints
from simulator.components import kind_of
from simulator.recommenders.base import Recommender, Truth

NO_USERS: Ints = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Minds:
    """The minds of a run's users, each read by its own behavior."""

    behaviors: Sequence[Behavior]
    member: Ints
    """Index into ``behaviors`` per user."""

    def __post_init__(self) -> None:
        closed = sorted({kind_of("behaviors", type(b)) for b in self.behaviors if type(b).appeal is Behavior.appeal})
        if closed:
            raise InvalidInput(
                f"an oracle ranks by what users really want, and behavior {', '.join(closed)} cannot say it; use "
                "another recommender, or users who have a utility, such as behavior: {kind: calibrated}"
            )

    def appeal(self, user_id: Ints, popularity: Floats) -> Floats:
        """Return (B, items): how much each user wants each item at these public counts, larger is more."""
        found = np.empty((len(user_id), len(popularity)))
        member = self.member[user_id]
        for place, behavior in enumerate(self.behaviors):
            rows = np.flatnonzero(member == place)
            if len(rows):
                found[rows] = behavior.appeal(_every(user_id[rows], popularity)).reshape(len(rows), -1)
        return found


def _every(user_id: Ints, popularity: Floats) -> Pairs:
    """Return each user with each item, as if the item stood first on a page and had never been shown."""
    users, items = len(user_id), len(popularity)
    page, nothing = np.repeat(np.arange(users), items), np.zeros(users * items, dtype=np.int64)
    return Pairs(
        cell=nothing,
        page=page,
        user_id=user_id[page],
        decision=nothing,
        item_id=np.tile(np.arange(items), users),
        popularity=np.tile(popularity, users),
        exposures=nothing,
    )


def reveal(recommender: Recommender, truth: Callable[[], Truth]) -> None:
    """Tell the truth to a recommender that declares to know it, and to such recommenders inside it."""
    if recommender.knows_truth:
        recommender.truth = truth()
    for part in vars(recommender).values():
        if isinstance(part, Recommender):
            reveal(part, truth)
