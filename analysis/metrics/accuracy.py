"""How well lists hit what users really took later; users without test items leave every mean."""

import numpy as np

from agents.schema import Floats
from analysis.metrics.base import Metric, Value, mean_value
from analysis.metrics.lists import Lists


def judged(per_user: Floats, slates: Lists, test: Lists) -> Value:
    """Return the mean over users who have a list and test items."""
    return mean_value(np.where((slates.lengths > 0) & (test.lengths > 0), per_user, np.nan))


def ndcg_at_k(slates: Lists, test: Lists, k: int) -> Value:
    """Return the mean of DCG / ideal DCG, DCG = sum of hits / log2(1 + rank), the ideal with min(|rel|, k) hits.

    >>> slates = Lists.of_matrix(np.array([[3, 4], [2, 3], [1, 2], [2, 5]]))
    >>> test = Lists.of_matrix(np.array([[3, -1], [2, -1], [1, 4], [5, -1]]))
    >>> round(float(ndcg_at_k(slates, test, 2)), 6)
    0.811019
    """
    top = slates.top(k)
    gained = top.sums(top.within(test) / np.log2(1 + top.rank))
    ideal = np.concatenate([[np.nan], np.cumsum(1 / np.log2(1 + np.arange(1, k + 1)))])
    return judged(gained / ideal[np.minimum(test.lengths, k)], slates, test)


def recall_at_k(slates: Lists, test: Lists, k: int) -> Value:
    """Return the mean of hits in the first k / |rel|.

    >>> slates = Lists.of_matrix(np.array([[3, 4], [2, 3], [1, 2], [2, 5]]))
    >>> test = Lists.of_matrix(np.array([[3, -1], [2, -1], [1, 4], [5, -1]]))
    >>> float(recall_at_k(slates, test, 2))
    0.875
    """
    return judged(_hits(slates, test, k) / np.maximum(test.lengths, 1), slates, test)


def precision_at_k(slates: Lists, test: Lists, k: int) -> Value:
    """Return the mean of hits in the first k / k, also where the list is shorter than k.

    >>> float(precision_at_k(Lists.of_matrix(np.array([[3]])), Lists.of_matrix(np.array([[3]])), 2))
    0.5
    """
    return judged(_hits(slates, test, k) / k, slates, test)


def hit_rate(slates: Lists, test: Lists, k: int) -> Value:
    """Return the share of users with at least one hit in the first k.

    >>> float(hit_rate(Lists.of_matrix(np.array([[3], [4]])), Lists.of_matrix(np.array([[3], [3]])), 1))
    0.5
    """
    return judged((_hits(slates, test, k) > 0).astype(np.float64), slates, test)


def mrr(slates: Lists, test: Lists, k: int) -> Value:
    """Return the mean of 1 / rank of the first hit within k, 0 without one.

    >>> slates = Lists.of_matrix(np.array([[3, 4], [2, 3], [1, 2], [2, 5]]))
    >>> test = Lists.of_matrix(np.array([[3, -1], [2, -1], [1, 4], [5, -1]]))
    >>> float(mrr(slates, test, 2))
    0.875
    """
    top = slates.top(k)
    best = np.zeros(slates.n)
    np.maximum.at(best, top.owner, top.within(test) / top.rank)
    return judged(best, slates, test)


def average_precision(slates: Lists, test: Lists, k: int) -> Value:
    """Return MAP: the mean of the sum over hits of precision at their rank / min(|rel|, k).

    >>> float(average_precision(Lists.of_matrix(np.array([[2, 5]])), Lists.of_matrix(np.array([[5]])), 2))
    0.5
    """
    top = slates.top(k)
    hit = top.within(test)
    so_far = np.cumsum(hit)
    before = (so_far - hit)[np.searchsorted(top.owner, top.owner)] if len(hit) else so_far
    precision = top.sums(hit * (so_far - before) / top.rank)
    return judged(precision / np.maximum(np.minimum(test.lengths, k), 1), slates, test)


def _hits(slates: Lists, test: Lists, k: int) -> Floats:
    top = slates.top(k)
    return top.sums(top.within(test))


NEEDS = ("slates", "test", "k")
METRICS = (
    Metric(
        "ndcg_at_k",
        "ndcg_at_k/log2/ideal-min-rel-k",
        "accuracy",
        "individual",
        NEEDS,
        (0, 1),
        "better",
        "Jarvelin & Kekalainen 2002",
        ndcg_at_k,
    ),
    Metric(
        "recall_at_k", "recall_at_k/div-rel", "accuracy", "individual", NEEDS, (0, 1), "better", "standard", recall_at_k
    ),
    Metric(
        "precision_at_k",
        "precision_at_k/div-k",
        "accuracy",
        "individual",
        NEEDS,
        (0, 1),
        "better",
        "standard",
        precision_at_k,
    ),
    Metric("hit_rate", "hit_rate/any-in-k", "accuracy", "individual", NEEDS, (0, 1), "better", "standard", hit_rate),
    Metric("mrr", "mrr/first-hit-in-k", "accuracy", "individual", NEEDS, (0, 1), "better", "Voorhees 1999", mrr),
    Metric(
        "map",
        "map/div-min-rel-k",
        "accuracy",
        "individual",
        NEEDS,
        (0, 1),
        "better",
        "Manning et al. 2008, chapter 8",
        average_precision,
    ),
)
