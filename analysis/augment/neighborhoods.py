"""Precision, recall, density and coverage of users as points."""

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from agents.schema import Floats
from analysis.augment.space import Space

if TYPE_CHECKING:
    from simulator.catalog import Interactions

NEAREST = 5


def reach(points: Floats, k: int = NEAREST) -> Floats:
    """Return the distance of each point to its k-th nearest other one.

    >>> reach(np.array([[0.0], [1.0], [3.0]]), k=1).tolist()
    [1.0, 1.0, 2.0]
    """
    distance, _ = NearestNeighbors(n_neighbors=k).fit(points).kneighbors()
    return np.asarray(distance[:, -1])


def prdc(real: Floats, other: Floats, k: int = NEAREST) -> dict[str, float]:
    """Return precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020).

    With B(x) the ball around x up to its k-th nearest point of its own kind: precision is the share of other points
    in any real ball, recall the share of real points in any other ball, density the mean over other points of the
    number of real balls they are in, over k, and coverage the share of real balls that hold any other point. Too few
    points for k neighbors give NaN.

    >>> prdc(np.array([[0.0], [1.0], [2.0], [9.0]]), np.array([[0.5], [0.6], [30.0]]), k=1)
    {'precision': 0.6666666666666666, 'recall': 0.75, 'density': 1.3333333333333333, 'coverage': 0.5}
    """
    if min(len(real), len(other)) <= k:
        return dict.fromkeys(("precision", "recall", "density", "coverage"), float("nan"))
    distance = pairwise_distances(real, other)
    in_real = distance <= reach(real, k)[:, None]
    in_other = distance <= reach(other, k)[None, :]
    return {
        "precision": float(in_real.any(axis=0).mean()),
        "recall": float(in_other.any(axis=1).mean()),
        "density": float(in_real.sum(axis=0).mean() / k),
        "coverage": float(in_real.any(axis=1).mean()),
    }


def points(log: "Interactions", space: Space) -> Floats:
    """Return each user as the mean of the vectors of what it took, users in ascending order of id."""
    users, row = np.unique(log.user_id, return_inverse=True)
    total = np.zeros((len(users), space.vectors.shape[1]))
    np.add.at(total, row, space.vectors[log.item_id])
    return np.asarray(total / np.bincount(row, minlength=len(users))[:, None])
