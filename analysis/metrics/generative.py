"""What goes wrong with recommenders that write or rank by language: repeats, remembered titles, order, worn codes."""

import numpy as np

from agents.schema import Floats, Ints
from analysis.metrics.base import INF, Metric, Value, mean_value
from analysis.metrics.correlation import grouped_spearman
from analysis.metrics.lists import Lists


def duplicate_rate(slates: Lists, showings: Floats) -> Value:
    """Return the mean over users of the share of what they were shown that they had been shown before.

    1 - |distinct items| / |showings|, within the period, or within the list a recommender produced.

    >>> float(duplicate_rate(Lists.of_matrix(np.array([[0, 1]])), np.array([4.0])))
    0.5
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return mean_value(np.where(slates.lengths > 0, 1 - slates.lengths / showings, np.nan))


def title_prior(slates: Lists, profiles: Lists, phi: Floats) -> Value:
    """Return the mean over users WITHOUT a history of the mean share of users who have the items of the list.

    What is recommended to an empty history is what the recommender brings along by itself.

    >>> slates, profiles = Lists.of_matrix(np.array([[0], [1]])), Lists.of_matrix(np.array([[1], [-1]]))
    >>> float(title_prior(slates, profiles, np.array([0.5, 0.25])))
    0.25
    """
    return mean_value(np.where(profiles.lengths == 0, slates.means(phi[slates.item]), np.nan))


def position_bias(slates: Lists, presented: Floats) -> Value:
    """Return the mean over users of Spearman's correlation of an item's rank and the place it was presented at.

    0 where a ranker reads what it is asked about, if items are presented in random order; 1: it repeats that order.
    Users with fewer than two items are skipped.

    >>> float(position_bias(Lists.of_matrix(np.array([[4, 2, 3]])), np.array([1.0, 2.0, 3.0])))
    1.0
    """
    return mean_value(grouped_spearman(slates.owner, slates.rank.astype(np.float64), presented, slates.n))


def shown_code_entropy(counts: Floats, digit: Ints) -> Value:
    """Return Shannon's entropy in bits of one digit of the semantic IDs of what was shown, items without left out.

    H = - sum_c p(c) log2 p(c), p(c) the share of impressions of items with the code c.

    >>> float(shown_code_entropy(np.array([2.0, 1.0, 1.0]), np.array([0, 1, 1])))
    1.0
    """
    digit = digit[: len(counts)]
    held = np.bincount(digit[digit >= 0], weights=counts[digit >= 0])
    total = float(held.sum())
    shares = held[held > 0] / total if total else held
    return Value(float(-(shares * np.log2(shares)).sum()) + 0.0 if total else float("nan"), int(total))


METRICS = (
    Metric(
        "duplicate_rate",
        "duplicate_rate/shown-before",
        "diversity",
        "individual",
        ("slates", "showings"),
        (0, 1),
        "neither",
        "repeats of a generative recommender, or of one that does not exclude what was shown",
        duplicate_rate,
    ),
    Metric(
        "title_prior",
        "title_prior/empty-history/share-of-users",
        "concentration",
        "individual",
        ("slates", "profiles", "phi"),
        (0, 1),
        "more biased",
        "popularity a language model brings along, after Lichtenberg et al. 2024, arXiv 2406.01285",
        title_prior,
    ),
    Metric(
        "position_bias",
        "position_bias/spearman/rank-presented",
        "accuracy",
        "individual",
        ("slates", "presented"),
        (-1, 1),
        "more biased",
        "order in the prompt, after Hou et al. 2024, arXiv 2305.08845",
        position_bias,
    ),
    Metric(
        "shown_code_entropy",
        "shown_code_entropy/bits/impressions",
        "diversity",
        "item",
        ("counts", "digit"),
        (0, INF),
        "less biased",
        "Shannon 1948, over codes of one digit",
        shown_code_entropy,
    ),
)
