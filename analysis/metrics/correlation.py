"""Rank correlation, over everything at once and for each user."""

import numpy as np

from agents.schema import Floats, Ints
from analysis.metrics.base import sums_by


def midranks(values: Floats) -> Floats:
    """Return ranks from 1, ascending, tied values sharing the mean of their ranks.

    >>> midranks(np.array([5, 1, 5])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, place, size = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(size) - (size - 1) / 2)[place]


def spearman(x: Floats, y: Floats) -> float:
    """Return Spearman's rank correlation, NaN where one side is constant.

    >>> spearman(np.array([1, 2, 3]), np.array([10, 20, 40]))
    1.0
    """
    return float(grouped_spearman(np.zeros(len(x), dtype=np.int64), x, y, 1)[0])


def grouped_spearman(group: Ints, x: Floats, y: Floats, n: int) -> Floats:
    """Return Spearman's correlation within each of n groups of rows, NaN where one side is constant.

    >>> grouped_spearman(np.array([0, 0, 1]), np.array([1, 2, 3]), np.array([2, 1, 5]), 2).tolist()
    [-1.0, nan]
    """
    a, b = _centered(_grouped_midranks(group, x), group, n), _centered(_grouped_midranks(group, y), group, n)
    products = sums_by(group, a * b, n)
    scale = np.sqrt(sums_by(group, a * a, n) * sums_by(group, b * b, n))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(np.where(scale > 0, products / scale, np.nan), -1.0, 1.0)


def _grouped_midranks(group: Ints, values: Floats) -> Floats:
    """Return midranks plus an offset that is constant within each group."""
    _, dense = np.unique(values, return_inverse=True)
    return midranks((group * (len(values) + 1) + dense).astype(np.float64))


def _centered(values: Floats, group: Ints, n: int) -> Floats:
    size = np.maximum(np.bincount(group, minlength=n), 1)
    return values - (sums_by(group, values, n) / size)[group]
