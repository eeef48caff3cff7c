"""Whether single columns are distributed as in real data."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import ks_2samp

from agents.schema import Floats
from analysis.augment.space import Space

if TYPE_CHECKING:
    from simulator.catalog import Interactions


def ks_complement(real: Floats, other: Floats) -> float:
    """Return 1 - sup |F_real - F_other|, the Kolmogorov-Smirnov complement; NaN values are left out, none give NaN.

    >>> ks_complement(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0]))
    0.5
    """
    real, other = real[~np.isnan(real)], other[~np.isnan(other)]
    if not len(real) or not len(other):
        return float("nan")
    return 1 - float(ks_2samp(real, other, method="asymp").statistic)


def tv_complement(real: Floats, other: Floats) -> float:
    """Return 1 - half the sum of |p_real - p_other| over categories, the total-variation complement.

    Arguments are counts per category in the same order; one without any gives NaN.

    >>> tv_complement(np.array([1, 1, 2]), np.array([1, 1, 0]))
    0.5
    """
    if not real.sum() or not other.sum():
        return float("nan")
    return 1 - 0.5 * float(np.abs(real / real.sum() - other / other.sum()).sum())


def columns(real: "Interactions", other: "Interactions", space: Space) -> dict[str, float]:
    """Return the complements of ratings, popularity and year of the items taken, and of genres and items."""
    mine, theirs = real.item_id, other.item_id
    n_items = len(space.popularity)
    genres = [space.genres[item].sum(axis=0) for item in (mine, theirs)]
    return {
        "rating_ks_complement": ks_complement(real.rating, other.rating),
        "popularity_ks_complement": ks_complement(space.popularity[mine], space.popularity[theirs]),
        "year_ks_complement": ks_complement(space.year[mine], space.year[theirs]),
        "genre_tv_complement": tv_complement(*genres),
        "item_tv_complement": tv_complement(real.counts(n_items), other.counts(n_items)),
    }
