"""A run against the run of the ideal arm with the same seed: alike beyond what tastes explain, and what is missed."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from agents.schema import Floats, Ints
from analysis.metrics.base import INF, Metric, Value, mean_value
from analysis.metrics.homogenization import shared_items
from analysis.metrics.lists import Lists

CELLS = 1 << 22
"""Pairs of users compared at once."""


@dataclass(frozen=True)
class BesideIdeal:
    """What happened to the same users in an arm and in the ideal one."""

    slates: Lists
    ideal: Lists
    neighbor: Ints
    """Per user the one whose profile at time 0 is nearest, -1 where there is none."""
    watched: Floats
    """Items watched per user."""
    ideal_watched: Floats

    def of_users(self, users: Ints) -> "BesideIdeal":
        """Return what is summed over some users; lists and neighbors stay those of all."""
        return replace(self, watched=self.watched[users], ideal_watched=self.ideal_watched[users])


def nearest_neighbors(profiles: Lists) -> Ints:
    """Return per user the other user whose list has the largest Jaccard index with its own, ties by user id.

    -1 without a list, or where nobody shares an item.

    >>> nearest_neighbors(Lists.of_matrix(np.array([[0, 1], [0, 1], [1, 2], [-1, -1]]))).tolist()
    [1, 0, 0, -1]
    """
    nearest = np.full(profiles.n, -1, dtype=np.int64)
    shape = (profiles.n, int(profiles.item.max(initial=0)) + 1)
    held = csr_array((np.ones(len(profiles.item)), profiles.item, profiles.starts), shape=shape)
    for first in range(0, profiles.n, step := max(CELLS // max(profiles.n, 1), 1)):
        users = np.arange(first, min(first + step, profiles.n))
        overlap = (held[users] @ held.T).toarray()
        overlap[np.arange(len(users)), users] = 0
        alike = overlap / np.maximum(profiles.lengths[users, None] + profiles.lengths - overlap, 1)
        nearest[users] = np.where(alike.max(axis=1) > 0, alike.argmax(axis=1), -1)
    return nearest


def change_in_jaccard(slates: Lists, ideal: Lists, neighbor: Ints) -> Value:
    """Return the mean over users of J(own, neighbor's) in this arm minus the same in the ideal arm.

    J is the Jaccard index of two lists, and the neighbor of a user the one nearest by profile at time 0, the same
    in all arms. Users without a neighbor are skipped, as are those with two empty lists in either arm.

    >>> neighbor = np.array([1, 0])
    >>> same, apart = Lists.of_matrix(np.array([[0, 1], [0, 1]])), Lists.of_matrix(np.array([[0, 1], [1, 2]]))
    >>> round(float(change_in_jaccard(same, apart, neighbor)), 6)
    0.666667
    """
    return mean_value(_with_neighbor(slates, neighbor) - _with_neighbor(ideal, neighbor))


def _with_neighbor(lists: Lists, neighbor: Ints) -> Floats:
    """Return the Jaccard index of each user's list and its neighbor's, NaN where both are empty or there is none."""
    found, paired = np.full(len(neighbor), np.nan), np.flatnonzero(neighbor >= 0)
    other = neighbor[paired]
    either = lists.lengths[paired] + lists.lengths[other]
    shared = shared_items(lists, paired, other) if len(lists.item) and len(paired) else np.zeros(len(paired))
    with np.errstate(invalid="ignore"):
        found[paired] = shared / (either - shared)
    return found


def relative_utility(watched: Floats, ideal_watched: Floats) -> Value:
    """Return items watched in this arm / items watched in the ideal arm, summed over users; no watch there gives NaN.

    >>> float(relative_utility(np.array([1.0, 2.0]), np.array([4.0, 2.0])))
    0.5
    """
    total = float(np.nansum(ideal_watched))
    return Value(float(np.nansum(watched)) / total if total else float("nan"), len(watched))


METRICS = (
    Metric(
        "change_in_jaccard",
        "change_in_jaccard/nearest-by-profile-initial/minus-ideal/from-time-0",
        "homogenization",
        "individual",
        ("slates", "ideal", "neighbor"),
        (-1, 1),
        "more biased",
        "Chaney et al. 2018, arXiv 1710.11214; pairs fixed at time 0",
        change_in_jaccard,
    ),
    Metric(
        "relative_utility",
        "relative_utility/watches/ratio-of-sums/ideal/from-time-0",
        "volume",
        "ecosystem",
        ("watched", "ideal_watched"),
        (0, INF),
        "better",
        "utility under an arm over utility under the ideal one, after Chaney et al. 2018, arXiv 1710.11214",
        relative_utility,
    ),
)
