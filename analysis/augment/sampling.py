"""Draw users and parts of their histories, so that two tables of interactions can be compared."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from agents.schema import Bools, Draws, Floats, Ints

if TYPE_CHECKING:
    from simulator.catalog import Interactions

LONGEST = 50
"""Entries of a user's history that are compared, at most."""


def half(users: Ints, draws: Draws, purpose: str) -> Bools:
    """Tell which of the users are in a keyed half.

    A mean over half the users, drawn without replacement, varies as much as one over a new sample as large as all
    (the delete-half jackknife, Shao and Wu 1989).
    """
    chosen = np.zeros(len(users), dtype=np.bool_)
    chosen[np.argsort(draws.uniform(purpose, users), kind="stable")[: (len(users) + 1) // 2]] = True
    return chosen


def of_users(log: "Interactions", users: Ints) -> "Interactions":
    """Return the rows of some users."""
    return log.take(np.isin(log.user_id, users))


def by_time(log: "Interactions") -> "Interactions":
    """Return the rows sorted stably by time."""
    return log.take(np.argsort(log.time, kind="stable"))


def windows(log: "Interactions", users: Ints, sizes: Ints, names: Ints, draws: Draws, purpose: str) -> "Interactions":
    """Return for each of the users that many neighboring entries of the history, under a new name.

    A history that is shorter comes whole. ``users`` may name one user several times.
    """
    rows, offsets = log.by_user(int(users.max(initial=-1)) + 1)
    there = np.diff(offsets)[users]
    size = np.minimum(sizes, there)
    free = there - size + 1
    first = offsets[users] + (draws.uniform(purpose, users, np.arange(len(users))) * free).astype(np.int64)
    begins = np.cumsum(size) - size
    place = np.arange(int(size.sum())) + np.repeat(first - begins, size)
    return by_time(replace(log.take(rows[place]), user_id=np.repeat(names, size)))


def matched(
    real: "Interactions", other: "Interactions", draws: Draws, most: int | None = None
) -> tuple["Interactions", "Interactions"]:
    """Return as many users of both, with as many entries each: how much users take is an input, not evidence.

    Users are drawn by key where one table has more, or both have more than ``most``, paired by the rank of their
    activity, and both histories of a pair cut to the shorter one and to LONGEST entries, at a keyed place.
    """
    sides = [np.unique(log.user_id, return_counts=True) for log in (real, other)]
    count = min(*(len(users) for users, _ in sides), len(real) if most is None else most)
    drawn = [_drawn(users, sizes, count, draws) for users, sizes in sides]
    size = np.minimum(np.minimum(drawn[0][1], drawn[1][1]), LONGEST)
    return (
        windows(real, drawn[0][0], size, drawn[0][0], draws, "real window"),
        windows(other, drawn[1][0], size, drawn[1][0], draws, "other window"),
    )


def _drawn(users: Ints, sizes: Ints, count: int, draws: Draws) -> tuple[Ints, Ints]:
    """Return so many users by keyed draw, the least active first, with their sizes."""
    some = np.argsort(draws.uniform("matched user", users), kind="stable")[:count]
    some = some[np.argsort(sizes[some], kind="stable")]
    return users[some], sizes[some]


def some_rows(log: "Interactions", weight: Floats, count: int, draws: Draws) -> "Interactions":
    """Return so many rows drawn without replacement in proportion to their weights (Efraimidis and Spirakis 2006).

    What is drawn of few is drawn of more as well.
    """
    race = -np.log1p(-draws.uniform("mixed row", np.arange(len(log)))) / np.maximum(weight, 1e-12)
    return log.take(np.sort(np.argsort(race, kind="stable")[:count]))
