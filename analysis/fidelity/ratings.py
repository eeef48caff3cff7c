"""How close simulated ratings come to real ones: of each pair, and as distributions over the levels of the scale."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agents.schema import Floats, History, Ints
from analysis.fidelity.choices import macro

SWEEPS = 12
"""Alternations between item and user biases."""
PULL = 5.0
"""Pseudo-ratings that pull a bias towards 0."""

Distance = Callable[[Floats, Floats], float]


def levels_of(scale: tuple[float, float, float]) -> Floats:
    """Return the levels of a scale (lowest, highest, step).

    >>> levels_of((1, 5, 1)).tolist()
    [1.0, 2.0, 3.0, 4.0, 5.0]
    """
    lowest, highest, step = scale
    return np.arange(lowest, highest + step / 2, step).astype(np.float64)


def shares(rating: Floats, levels: Floats) -> Floats:
    """Return how often each level occurs, ratings going to the nearest.

    >>> shares(np.array([1.0, 2.0, 2.0, 2.0]), np.array([1.0, 2.0, 3.0])).tolist()
    [0.25, 0.75, 0.0]
    """
    place = np.abs(rating[:, None] - levels).argmin(axis=1)
    return np.bincount(place, minlength=len(levels)) / max(len(rating), 1)


def ks(p: Floats, q: Floats) -> float:
    """Return the Kolmogorov-Smirnov distance, the largest gap between cumulative shares.

    >>> ks(np.array([1.0, 0.0]), np.array([0.25, 0.75]))
    0.75
    """
    return float(np.abs(np.cumsum(p - q)).max())


def wasserstein(p: Floats, q: Floats) -> float:
    """Return the Wasserstein-1 distance in levels of the scale.

    >>> wasserstein(np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0]))
    2.0
    """
    return float(np.abs(np.cumsum(p - q))[:-1].sum())


def total_variation(p: Floats, q: Floats) -> float:
    """Return half the sum of the differences.

    >>> total_variation(np.array([1.0, 0.0]), np.array([0.25, 0.75]))
    0.75
    """
    return float(np.abs(p - q).sum() / 2)


def jensen_shannon(p: Floats, q: Floats) -> float:
    """Return the Jensen-Shannon divergence in bits: 0 iff equal, 1 where nothing is shared.

    >>> jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    1.0
    """
    middle = (p + q) / 2
    return float(sum((side[side > 0] * np.log2(side[side > 0] / middle[side > 0])).sum() for side in (p, q)) / 2)


def per_user(one: Floats, one_user: Ints, other: Floats, other_user: Ints, levels: Floats) -> float:
    """Return the mean over users who have ratings on both sides of the KS distance between them.

    >>> users = np.array([0, 1])
    >>> per_user(np.array([1.0, 2.0]), users, np.array([1.0, 1.0]), users, np.arange(3.0))
    0.5
    """
    both = np.intersect1d(one_user, other_user)
    gaps = [ks(shares(one[one_user == u], levels), shares(other[other_user == u], levels)) for u in both]
    return float(np.mean(gaps)) if gaps else float("nan")


def distribution(one: Floats, one_user: Ints, other: Floats, other_user: Ints, levels: Floats) -> dict[str, float]:
    """Return every distance between two samples of ratings by users."""
    p, q = shares(one, levels), shares(other, levels)
    return {
        "rating_ks": ks(p, q),
        "rating_ks_user": per_user(one, one_user, other, other_user, levels),
        "rating_wasserstein": wasserstein(p, q),
        "rating_tv": total_variation(p, q),
        "rating_js": jensen_shannon(p, q),
    }


def rmse(expected: Floats, given: Floats) -> float:
    """Return the root of the mean squared error.

    >>> rmse(np.array([3.0, 3.0]), np.array([3.0, 5.0])) == 2**0.5
    True
    """
    return float(np.sqrt(np.mean((expected - given) ** 2)))


def mae(expected: Floats, given: Floats) -> float:
    """Return the mean absolute error.

    >>> mae(np.array([3.0, 3.0]), np.array([3.0, 5.0]))
    1.0
    """
    return float(np.mean(np.abs(expected - given)))


@dataclass(frozen=True)
class Biases:
    """The plainest predictors of ratings, from training interactions: user means, and user + item biases."""

    center: float
    user_mean: Floats
    user: Floats
    item: Floats

    @classmethod
    def of(cls, known: History, n_users: int, n_items: int) -> "Biases":
        """Fit by alternating shrunk means; who has not rated stands at the mean of all."""
        rated = np.isfinite(known.rating)
        user, item, rating = known.user_id[rated], known.item_id[rated], known.rating[rated]
        center = float(rating.mean()) if len(rating) else 0.0
        count = np.bincount(user, minlength=n_users)
        mean = np.bincount(user, weights=rating, minlength=n_users) / np.maximum(count, 1)
        users, items = np.zeros(n_users), np.zeros(n_items)
        for _ in range(SWEEPS):
            items = _shrunk(rating - center - users[user], item, n_items)
            users = _shrunk(rating - center - items[item], user, n_users)
        return cls(center, np.where(count > 0, mean, center), users, items)

    def both(self, user: Ints, item: Ints) -> Floats:
        """Return what user and item bias together let expect."""
        return np.asarray(self.center + self.user[user] + self.item[item])


def _shrunk(residual: Floats, group: Ints, count: int) -> Floats:
    total, size = (np.bincount(group, weights=w, minlength=count) for w in (residual, np.ones(len(group))))
    return np.asarray(total / (size + PULL))


def errors(expected: Floats, given: Floats, user: Ints) -> dict[str, float]:
    """Return RMSE and MAE over pairs, and RMSE as a mean over users."""
    squares = macro((expected - given) ** 2, user)
    return {
        "rating_rmse": rmse(expected, given),
        "rating_mae": mae(expected, given),
        "rating_rmse_macro": float(np.sqrt(squares)),
    }
