"""Whether who takes what with what is structured as in real data."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from agents.schema import Floats
from analysis.augment.columns import ks_complement
from analysis.augment.space import taken
from analysis.metrics.concentration import gini_index

if TYPE_CHECKING:
    from simulator.catalog import Interactions


def density(log: "Interactions", n_items: int) -> float:
    """Return the share of (user, item) pairs that occur, of users with any."""
    matrix = taken(log, n_items)
    return float(matrix.nnz / max(matrix.shape[0] * matrix.shape[1], 1))


def cooccurrence(real: csr_array, other: csr_array) -> float:
    """Return the cosine of two matrices' counts of items taken by the same user, over pairs of different items.

    With C = X'X and zero diagonal: <C_real, C_other> / (|C_real| |C_other|).

    >>> round(cooccurrence(csr_array([[1.0, 1, 0]]), csr_array([[1.0, 1, 1]])), 4)
    0.5774
    """
    mine, theirs = _pairs(real), _pairs(other)
    norm = float(np.sqrt(mine.power(2).sum() * theirs.power(2).sum()))
    return float(mine.multiply(theirs).sum() / norm) if norm else float("nan")


def _pairs(matrix: csr_array) -> csr_array:
    together = csr_array(matrix.T @ matrix)
    together.setdiag(0)
    together.eliminate_zeros()
    return together


def activity(log: "Interactions") -> Floats:
    """Return how many rows each user has, of users with any."""
    return np.unique(log.user_id, return_counts=True)[1].astype(np.float64)


def structure(
    whole: tuple["Interactions", "Interactions"], same: tuple["Interactions", "Interactions"], n_items: int
) -> dict[str, float]:
    """Return the figures of other against real: both as they are (``whole``) and with equal activity (``same``).

    Density and activity are compared as they are; the rest would only repeat them, so there activity is equal.
    """
    (real, other), (mine, theirs) = whole, same
    counts = [log.counts(n_items) for log in same]
    active = [activity(log) for log in whole]
    return {
        "density_ratio": density(other, n_items) / density(real, n_items),
        "activity_gini_gap": float(gini_index(active[1])) - float(gini_index(active[0])),
        "user_degree_ks_complement": ks_complement(*active),
        "popularity_gini_gap": float(gini_index(counts[1])) - float(gini_index(counts[0])),
        "item_degree_ks_complement": ks_complement(*counts),
        "cooccurrence_cosine": cooccurrence(taken(mine, n_items), taken(theirs, n_items)),
    }
