"""A small invented log with tastes, sequence and popularity planted in it, to test recommenders on."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from agents.schema import Floats, Ints, Item
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Requests, Slates
from simulator.seeds import Streams

GROUPS = 12
GROUP_SIZE = 20
ON = 0.8
"""Probability of moving on to the item that follows in the group's cycle; else any item of the group."""


@dataclass(frozen=True)
class Planted:
    """Users who each stay in one group of items and mostly go around its cycle; low groups have more users.

    The last item of each user is held out. ``numbering[j]`` is the item id of the j-th planted item,
    so two worlds that differ in numbering alone hold the same information.
    """

    users: int
    length: int
    numbering: Ints

    @staticmethod
    def shuffled(users: int, length: int, seed: int = 0) -> "Planted":
        """Return a world with meaningless item ids."""
        return Planted(users, length, np.argsort(Streams(seed).words("numbering", np.arange(GROUPS * GROUP_SIZE))))

    def leaking(self) -> "Planted":
        """Return the same world with items numbered by how often they are held out, most often first."""
        held_out = np.bincount(self._walks[:, -1], minlength=len(self.numbering))
        numbering = np.empty_like(self.numbering)
        numbering[np.argsort(-held_out, kind="stable")] = np.arange(len(numbering))
        return Planted(self.users, self.length, numbering)

    @cached_property
    def catalog(self) -> Catalog:
        """Return the items, which say nothing of their group."""
        names = tuple(f"item {i}" for i in range(len(self.numbering)))
        return Catalog(tuple(Item(i, name, ()) for i, name in enumerate(names)), names)

    @cached_property
    def _group(self) -> Ints:
        """Return the group of each user."""
        draw = Streams(0).uniform("group", np.arange(self.users))
        return np.floor(GROUPS * draw**1.5).astype(np.int64)

    def appeal(self, user_id: Ints, popularity: Floats) -> Floats:
        """Return 1 for the items of each user's group, else 0, however popular: the truth of this world."""
        group = np.empty(len(self.numbering), dtype=np.int64)
        group[self.numbering] = np.arange(len(self.numbering)) // GROUP_SIZE
        return np.asarray(group == self._group[user_id][:, None], dtype=np.float64)

    @cached_property
    def _walks(self) -> Ints:
        """Return (users, length) planted items without repetition, in order of time."""
        draws, user, group = Streams(0), np.arange(self.users), self._group
        jumps = np.argsort(draws.uniform("jump", user[:, None], np.arange(GROUP_SIZE)), axis=1)
        moves_on = draws.uniform("on", user[:, None], np.arange(self.length)) < ON
        walks = np.empty((self.users, self.length), dtype=np.int64)
        for u in user:
            left = jumps[u].tolist()
            place = left.pop()
            walks[u, 0] = place
            for step in range(1, self.length):
                after = (place + 1) % GROUP_SIZE
                place = after if moves_on[u, step] and after in left else left[-1]
                left.remove(place)
                walks[u, step] = place
        return group[:, None] * GROUP_SIZE + walks

    @cached_property
    def taken(self) -> Ints:
        """Return (users, length - 1): the item ids of the training histories, oldest first."""
        return self.numbering[self._walks[:, :-1]]

    @cached_property
    def target(self) -> Ints:
        """Return the held-out item id of each user."""
        return self.numbering[self._walks[:, -1]]

    @cached_property
    def log(self) -> Interactions:
        """Return the training histories, all users' n-th items at minute n."""
        steps = self.length - 1
        user, time = np.tile(np.arange(self.users), steps), np.repeat(np.arange(float(steps)), self.users)
        rows = len(user)
        return Interactions(user, self.taken.T.ravel(), np.full(rows, np.nan), time, np.zeros(rows, dtype=bool))

    def requests(self, *, exclude: bool = True, backwards: bool = False) -> Requests:
        """Return one request per user, with the training history (or its reverse), itself excluded or not."""
        told = self.taken[:, ::-1] if backwards else self.taken
        return requests_of([*told], [*self.taken] if exclude else [told[0][:0]] * self.users)

    def recall(self, slates: Slates) -> float:
        """Return the share of users whose held-out item is on their slate."""
        return float((slates.item_id == self.target[:, None]).any(axis=1).mean())


def requests_of(histories: list[Ints], barred: list[Ints]) -> Requests:
    """Return a batch from one history and one exclusion list per user, users numbered from 0."""
    user = np.arange(len(histories))
    starts, ends = ends_of(histories), ends_of(barred)
    times: Floats = np.arange(starts[-1]) - np.repeat(starts[:-1], np.diff(starts)).astype(np.float64)
    now, seeds = np.full(len(user), 1e6), Streams(0).words("planted request", user)
    return Requests(user, now, np.concatenate(histories), times, starts, np.concatenate(barred), ends, seeds)


def ends_of(lists: list[Ints]) -> Ints:
    """Return the offsets of lists laid end to end, from 0 to the total."""
    return np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
