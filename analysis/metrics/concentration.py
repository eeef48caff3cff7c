"""How unequally exposure or consumption is spread over the catalog."""

import numpy as np

from agents.schema import Floats, Ints
from analysis.metrics.base import INF, Metric, Value, sums_by


def gini_index(counts: Floats, normalize: bool = False) -> Value:
    """Return the Gini index of counts over the full catalog, items with zero included.

    With x ascending, G = sum_j (2j - n - 1) x_j / (n sum x); ``normalize`` multiplies by n/(n-1), so
    that one item taking everything gives 1. All counts zero give NaN, a single item 0.

    >>> counts = np.array([0, 1, 3, 2, 1, 1])
    >>> float(gini_index(counts)), round(float(gini_index(counts, normalize=True)), 9)
    (0.375, 0.45)
    """
    x, n = np.sort(counts), len(counts)
    total = float(x.sum())
    if total == 0:
        return Value(float("nan"), n)
    gini = float(((2 * np.arange(1, n + 1) - n - 1) * x).sum()) / (n * total)
    return Value(gini * n / (n - 1) if normalize and n > 1 else gini, n)


def normalized_gini(counts: Floats) -> Value:
    """Return the Gini index scaled by n/(n-1) to reach 1.

    >>> float(normalized_gini(np.array([0, 0, 5])))
    1.0
    """
    return gini_index(counts, normalize=True)


def lorenz_curve(counts: Floats) -> Floats:
    """Return the cumulative share held by the j least popular items, j = 0..n, from 0 to 1.

    The area between it and the diagonal is half the Gini index. All counts zero give NaN.

    >>> lorenz_curve(np.array([0, 1, 3, 2, 1, 1])).tolist()
    [0.0, 0.0, 0.125, 0.25, 0.375, 0.625, 1.0]
    """
    cumulative = np.concatenate([[0.0], np.cumsum(np.sort(counts))])
    return cumulative / cumulative[-1] if cumulative[-1] > 0 else np.full(len(cumulative), np.nan)


def discounted_exposure(item: Ints, rank: Ints, n_items: int) -> Floats:
    """Return per item the sum over its impressions of 1 / log2(1 + rank), rank from 1 over all pages.

    >>> discounted_exposure(np.array([0, 1, 0]), np.array([1, 3, 3]), 3).tolist()
    [1.5, 0.5, 0.0]
    >>> exposures = discounted_exposure(np.array([3, 4, 2, 3, 1, 2, 2, 5]), np.array([1, 2, 1, 2, 1, 2, 1, 2]), 6)
    >>> round(float(gini_index(exposures)), 5)
    0.42214
    """
    return sums_by(item, rank_discounts(rank), n_items)


def rank_discounts(rank: Ints) -> Floats:
    """Return 1 / log2(1 + rank), rank from 1.

    >>> rank_discounts(np.array([1, 3, 1])).tolist()
    [1.0, 0.5, 1.0]
    """
    discounts = 1 / np.log2(1 + np.arange(1, int(rank.max(initial=0)) + 1))
    return np.asarray(discounts[rank - 1])


def exposure_entropy(counts: Floats, normalize: bool = False) -> Value:
    """Return the Shannon entropy in nats of the shares of the items; ``normalize`` divides by ln n.

    H = - sum_i p_i ln p_i, p_i = x_i / sum x. All counts zero give NaN.

    >>> round(float(exposure_entropy(np.array([0, 1, 3, 2, 1, 1]))), 5)
    1.49418
    """
    n = len(counts)
    if counts.sum() == 0:
        return Value(float("nan"), n)
    shares = counts[counts > 0] / counts.sum()
    entropy = float(-(shares * np.log(shares)).sum()) + 0.0
    return Value(entropy / float(np.log(n)) if normalize and n > 1 else entropy, n)


def normalized_exposure_entropy(counts: Floats) -> Value:
    """Return the entropy as a share of its maximum ln n.

    >>> float(normalized_exposure_entropy(np.array([2, 2])))
    1.0
    """
    return exposure_entropy(counts, normalize=True)


def effective_items(counts: Floats) -> Value:
    """Return e^H: how many equally shown items would have the same entropy.

    >>> round(float(effective_items(np.array([5, 5, 0]))), 9)
    2.0
    """
    return Value(float(np.exp(exposure_entropy(counts).value)), len(counts))


def hhi(counts: Floats) -> Value:
    """Return the Herfindahl-Hirschman index, sum_i p_i^2. All counts zero give NaN.

    >>> float(hhi(np.array([0, 1, 3, 2, 1, 1])))
    0.25
    """
    total = counts.sum()
    return Value(float(((counts / total) ** 2).sum()) if total else float("nan"), len(counts))


GINI = "Gini 1912; full catalog as in Fleder & Hosanagar 2009"
METRICS = (
    Metric(
        "gini_index",
        "gini_index/full-catalog/div-n",
        "concentration",
        "item",
        ("counts",),
        (0, 1),
        "more biased",
        GINI,
        gini_index,
    ),
    Metric(
        "gini_index_normalized",
        "gini_index/full-catalog/div-n-1",
        "concentration",
        "item",
        ("counts",),
        (0, 1),
        "more biased",
        GINI,
        normalized_gini,
    ),
    Metric(
        "exposure_gini",
        "exposure_gini/full-catalog/div-n/w-log2",
        "concentration",
        "item",
        ("exposures",),
        (0, 1),
        "more biased",
        "Gini of rank-discounted exposure, discount of Jarvelin & Kekalainen 2002",
        gini_index,
    ),
    Metric(
        "exposure_entropy",
        "exposure_entropy/nats/unweighted",
        "concentration",
        "item",
        ("counts",),
        (0, INF),
        "less biased",
        "Shannon 1948",
        exposure_entropy,
    ),
    Metric(
        "exposure_entropy_normalized",
        "exposure_entropy/div-ln-n/unweighted",
        "concentration",
        "item",
        ("counts",),
        (0, 1),
        "less biased",
        "Pielou 1966",
        normalized_exposure_entropy,
    ),
    Metric(
        "effective_items",
        "effective_items/exp-entropy",
        "concentration",
        "item",
        ("counts",),
        (1, INF),
        "less biased",
        "Hill 1973, number of order 1",
        effective_items,
    ),
    Metric(
        "hhi",
        "hhi/shares",
        "concentration",
        "item",
        ("counts",),
        (0, 1),
        "more biased",
        "Herfindahl 1950",
        hhi,
    ),
)
