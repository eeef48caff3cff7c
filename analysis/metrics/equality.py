"""Whether popular and unpopular items get the same chance."""

import numpy as np

from agents.schema import Floats
from analysis.metrics.base import Metric, Value, mean_value, sums_by
from analysis.metrics.correlation import grouped_spearman, midranks, spearman
from analysis.metrics.lists import Lists
from analysis.metrics.strata import Head


def _relative_spread(chances: Floats) -> float:
    """Return population standard deviation / mean, NaN where the mean is 0 or missing."""
    mean = float(chances.mean())
    return float(chances.std()) / mean if mean > 0 else float("nan")


def _by_side(lists: Lists, head: Head) -> Floats:
    """Return how many rows hold head items and how many tail items."""
    in_head = int(head.mask[lists.item].sum())
    return np.array([in_head, len(lists.item) - in_head], dtype=np.float64)


def pop_rsp(slates: Lists, profiles: Lists, head: Head, n_catalog: int) -> Value:
    """Return ranking-based statistical parity: std / mean over head and tail of P(shown | group).

    P(shown | group) = items of the group shown / candidates of the group, over users with a list;
    candidates are the catalog without the user's own items.

    >>> slates, profiles = Lists.of_matrix(np.array([[0, 1]])), Lists.of_matrix(np.array([[2]]))
    >>> head = Head(np.array([True, False, False, False]), 0.0)
    >>> round(float(pop_rsp(slates, profiles, head, 4)), 5)
    0.33333
    """
    users = np.flatnonzero(slates.lengths > 0)
    size = np.array([head.mask[:n_catalog].sum(), head.tail[:n_catalog].sum()])
    candidates = len(users) * size - _by_side(profiles.take(users), head)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = _relative_spread(_by_side(slates, head) / candidates)
    return Value(spread, len(users), slates.n - len(users), head.tied_mass)


def pop_reo(slates: Lists, test: Lists, head: Head, k: int) -> Value:
    """Return ranking-based equal opportunity: std / mean over head and tail of P(shown in k | group, relevant).

    >>> slates, test = Lists.of_matrix(np.array([[0, 1]])), Lists.of_matrix(np.array([[0, 2]]))
    >>> float(pop_reo(slates, test, Head(np.array([True, False, False]), 0.0), 2))
    1.0
    """
    users = np.flatnonzero((slates.lengths > 0) & (test.lengths > 0))
    top, relevant = slates.take(users).top(k), test.take(users)
    hit = top.within(relevant)
    hits = Lists(top.owner[hit], top.item[hit], top.n)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = _relative_spread(_by_side(hits, head) / _by_side(relevant, head))
    return Value(spread, len(users), slates.n - len(users), head.tied_mass)


def pru(slates: Lists, test: Lists, popularity: Floats) -> Value:
    """Return popularity-rank correlation for users: the mean over users of -Spearman(popularity, rank).

    Within each user over the relevant items in the list; + means popular ones stand higher. Users with fewer
    than two such items, or with equally popular ones, are skipped.

    >>> slates, test = Lists.of_matrix(np.array([[0, 1, 2]])), Lists.of_matrix(np.array([[0, 2]]))
    >>> float(pru(slates, test, np.array([9, 5, 1])))
    1.0
    """
    hit = slates.within(test)
    rank = slates.rank[hit].astype(np.float64)
    return mean_value(-grouped_spearman(slates.owner[hit], popularity[slates.item[hit]], rank, slates.n))


def pri(slates: Lists, test: Lists, popularity: Floats) -> Value:
    """Return popularity-rank correlation for items: -Spearman(popularity, mean rank among users it is relevant to).

    Over the items shown to at least one such user; + means popular ones stand higher.

    >>> slates, test = Lists.of_matrix(np.array([[0, 1, 2]])), Lists.of_matrix(np.array([[0, 1, 2]]))
    >>> float(pri(slates, test, np.array([9, 5, 1])))
    1.0
    """
    hit = slates.within(test)
    item = slates.item[hit]
    times = np.bincount(item, minlength=len(popularity))
    there = times > 0
    mean_rank = sums_by(item, slates.rank[hit].astype(np.float64), len(popularity))[there] / times[there]
    return Value(-spearman(popularity[there], mean_rank), int(there.sum()), int((~there).sum()))


def popq_at_1(slates: Lists, popularity: Floats, n_catalog: int) -> Value:
    """Return the mean over users of the popularity quantile of the first item, 0 the most popular, .5 by chance.

    Quantile = (popularity rank - 1/2) / n over the catalog, tied items sharing their mean rank.

    >>> float(popq_at_1(Lists.of_matrix(np.array([[0, 1], [1, 0]])), np.array([9, 1]), 2))
    0.5
    """
    quantile = (midranks(-popularity) - 0.5) / n_catalog
    first = slates.top(1)
    return mean_value(first.means(np.minimum(quantile, 1)[first.item]))


ZHU = "Zhu et al. SIGIR 2020"
METRICS = (
    Metric(
        "pop_rsp",
        "pop_rsp/head-80-tail/seen-excluded/population-sd",
        "discrimination",
        "item",
        ("slates", "profiles", "head", "n_catalog"),
        (0, 1),
        "more biased",
        ZHU,
        pop_rsp,
    ),
    Metric(
        "pop_reo",
        "pop_reo/head-80-tail/population-sd",
        "discrimination",
        "item",
        ("slates", "test", "head", "k"),
        (0, 1),
        "more biased",
        ZHU,
        pop_reo,
    ),
    Metric(
        "pru",
        "pru/relevant-in-list/plus-popular-first",
        "discrimination",
        "individual",
        ("slates", "test", "popularity"),
        (-1, 1),
        "more biased",
        "Zhu et al. WSDM 2021",
        pru,
    ),
    Metric(
        "pri",
        "pri/relevant-in-list/plus-popular-first",
        "discrimination",
        "item",
        ("slates", "test", "popularity"),
        (-1, 1),
        "more biased",
        "Zhu et al. WSDM 2021",
        pri,
    ),
    Metric(
        "popq_at_1",
        "popq_at_1/catalog-quantile/ties-mean",
        "concentration",
        "individual",
        ("slates", "popularity", "n_catalog"),
        (0, 1),
        "less biased",
        "Rhee et al. RecSys 2022",
        popq_at_1,
    ),
)
