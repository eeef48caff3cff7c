"""Whether users gather in clusters of taste, and keep to those they began in."""

import warnings

import numpy as np

from agents.schema import Floats
from analysis.metrics.base import INF, Metric, Value
from analysis.metrics.space import Space

MOST_CLUSTERED = 5000
"""Users who are clustered; of more, every so-manieth."""


def calinski_harabasz(positions: Floats, space: Space) -> Value:
    """Return the Calinski-Harabasz index of users' places: (B / (c - 1)) / (W / (n - c)).

    B and W are the dispersion between and within the c clusters, which k-means grows from those of time 0. Users
    without a place are skipped; fewer than two clusters, or clusters without any width, give NaN.

    >>> left, right = np.array([[0.0, 0.0], [0.0, 2.0]]), np.array([[8.0, 0.0], [8.0, 2.0]])
    >>> four = np.concatenate([left, right])
    >>> space = Space(four, np.ones(4, dtype=bool), np.array([[0.0, 1.0], [8.0, 1.0]]))
    >>> float(calinski_harabasz(four, space))  # B = 64 over 1, W = 4 over 2
    32.0
    """
    from sklearn.metrics import calinski_harabasz_score

    there = _some(positions[~np.isnan(positions).any(axis=1)])
    cluster = space.clusters(there)
    enough = 2 <= len(np.unique(cluster)) < len(np.unique(there, axis=0))
    value = float(calinski_harabasz_score(there, cluster)) if enough else float("nan")
    return Value(value, len(there), int(np.isnan(positions).any(axis=1).sum()))


def cluster_ari(positions: Floats, profile_positions: Floats, space: Space) -> Value:
    """Return the adjusted Rand index of the clusters users are in and those of their profiles at time 0.

    (R - E R) / (max R - E R), R the pairs of users who are together on both sides, E R those by chance. 1: who was
    together still is, 0: by chance. Users without a place on either side are skipped.

    >>> corners = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0]])
    >>> float(cluster_ari(corners, corners, Space(corners, np.ones(4, dtype=bool), corners)))
    1.0
    """
    from sklearn.metrics import adjusted_rand_score

    there = ~(np.isnan(positions).any(axis=1) | np.isnan(profile_positions).any(axis=1))
    n, n_skipped = int(there.sum()), int((~there).sum())
    if n < 2 or len(space.centers) < 2:
        return Value(float("nan"), n, n_skipped)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few users, many clusters
        same = adjusted_rand_score(*(space.clusters(_some(side[there])) for side in (profile_positions, positions)))
    return Value(float(same), n, n_skipped)


def _some(rows: Floats) -> Floats:
    return rows[:: -(-len(rows) // MOST_CLUSTERED) or 1]


GE = "Ge et al. SIGIR 2020, arXiv 2007.02474"
METRICS = (
    Metric(
        "calinski_harabasz",
        "calinski_harabasz/correspondence-8/k-means-5-from-time-0",
        "echo chamber",
        "ecosystem",
        ("positions", "space"),
        (0, INF),
        "more biased",
        GE,
        calinski_harabasz,
    ),
    Metric(
        "cluster_ari",
        "cluster_ari/profile-initial/correspondence-8/k-means-5-from-time-0",
        "echo chamber",
        "ecosystem",
        ("positions", "profile_positions", "space"),
        (-0.5, 1),
        "more biased",
        GE,
        cluster_ari,
    ),
)
