"""How much of the catalog is reached at all."""

import numpy as np

from agents.schema import Floats
from analysis.metrics.base import INF, Metric, Value


def catalog_coverage(counts: Floats) -> Value:
    """Return the share of the catalog with at least one impression; an empty catalog gives NaN.

    >>> round(float(catalog_coverage(np.array([0, 1, 3, 2, 1, 1]))), 5)
    0.83333
    """
    return Value(float((counts > 0).mean()) if len(counts) else float("nan"), len(counts))


def aggregate_diversity(counts: Floats) -> Value:
    """Return the number of distinct items with at least one impression.

    >>> float(aggregate_diversity(np.array([0, 1, 3, 2, 1, 1])))
    5.0
    """
    return Value(float(np.count_nonzero(counts)), len(counts))


METRICS = (
    Metric(
        "catalog_coverage",
        "catalog_coverage/full-catalog",
        "diversity",
        "ecosystem",
        ("counts",),
        (0, 1),
        "less biased",
        "Herlocker et al. 2004",
        catalog_coverage,
    ),
    Metric(
        "aggregate_diversity",
        "aggregate_diversity/distinct-items",
        "diversity",
        "ecosystem",
        ("counts",),
        (0, INF),
        "less biased",
        "Adomavicius & Kwon 2012",
        aggregate_diversity,
    ),
)
