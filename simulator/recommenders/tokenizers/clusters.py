"""Clusters of points: k-means from k-means++ starts, no cluster left empty where points differ."""

import numpy as np
from scipy.spatial.distance import cdist

from agents.schema import Floats, Ints

LLOYD_ROUNDS = 25


def cluster(points: Floats, codes: int, rng: np.random.Generator, *, revive: bool = True) -> Floats:
    """Return (codes, width) centers by k-means from k-means++ starts; ``revive`` moves centers that lost all points."""
    if not len(points):
        return np.zeros((codes, points.shape[1]))
    centers = spread_starts(points, codes, rng)
    for _ in range(LLOYD_ROUNDS):
        member = nearest(points, centers)
        size = np.bincount(member, minlength=codes)
        for column in range(points.shape[1]):
            total = np.bincount(member, points[:, column], minlength=codes)
            centers[size > 0, column] = total[size > 0] / size[size > 0]
        if revive:
            centers = revived(points, centers)
    return centers


def spread_starts(points: Floats, codes: int, rng: np.random.Generator) -> Floats:
    """Return points drawn with probability proportional to the squared distance to the nearest drawn before.

    Where fewer different points exist than codes, the rest repeat points and stay unused.
    """
    centers, away = np.empty((codes, points.shape[1])), np.ones(len(points))
    for code in range(codes):
        cumulative = np.cumsum(away)
        drawn = np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")
        centers[code] = points[min(int(drawn), len(points) - 1)]
        gap = ((points - centers[code]) ** 2).sum(axis=1)
        away = gap if code == 0 else np.minimum(away, gap)
    return centers


def revived(points: Floats, centers: Floats) -> Floats:
    """Return the centers with those that are nearest to no point put on the points farthest from theirs."""
    member = nearest(points, centers)
    dead = np.flatnonzero(np.bincount(member, minlength=len(centers)) == 0)
    gap = ((points - centers[member]) ** 2).sum(axis=1)
    far = np.argsort(-gap, kind="stable")[: len(dead)]
    far = far[gap[far] > 0]
    centers = centers.copy()
    centers[dead[: len(far)]] = points[far]
    return centers


def nearest(points: Floats, centers: Floats) -> Ints:
    """Return the index of each point's nearest center, the lowest where two are equally near."""
    return np.asarray(cdist(points, centers, "sqeuclidean").argmin(axis=1), dtype=np.int64)
