"""How much of the catalog is reached at all."""

import numpy as np

from agents.schema import Floats
from analysis.metrics.base import INF, Metric, Value, mean_value
from analysis.metrics.lists import Lists


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


def invalid_rate(slates: Lists, declared_items: int) -> Value:
    """Return the mean over users of the share of the list that is not in the declared catalog (ids from 0).

    >>> float(invalid_rate(Lists.of_matrix(np.array([[0, 7]])), 5))
    0.5
    """
    return mean_value(slates.means(slates.item >= declared_items))


METRICS = (
    Metric(
        "invalid_rate",
        "invalid_rate/outside-declared-catalog",
        "accuracy",
        "individual",
        ("slates", "declared_items"),
        (0, 1),
        "neither",
        "items a generative recommender made up",
        invalid_rate,
    ),
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
        of_nothing=0.0,
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
        of_nothing=0.0,
    ),
)
