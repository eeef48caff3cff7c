"""Beyond accuracy: new, unexpected, and still right."""

import numpy as np

from agents.schema import Floats
from analysis.metrics.accuracy import judged
from analysis.metrics.base import INF, Metric, Value, mean_value
from analysis.metrics.concentration import rank_discounts
from analysis.metrics.lists import Lists
from analysis.metrics.variety import unit_totals, with_genre


def miuf(slates: Lists, popularity: Floats, population: int) -> Value:
    """Return the mean over users of the mean self-information -log2(max(count, 1) / |U|) over the list.

    >>> slates = Lists.of_matrix(np.array([[3, 4], [2, 3], [1, 2], [2, 5]]))
    >>> round(float(miuf(slates, np.array([4, 3, 1, 1, 1, 0]), 4)), 5)
    1.80188
    """
    information = -np.log2(np.maximum(popularity, 1) / population) + 0.0
    return mean_value(slates.means(information[slates.item]))


def epc(slates: Lists, phi: Floats) -> Value:
    """Return expected popularity complement: the mean over users of sum d(rank)(1 - phi) / sum d(rank).

    d(rank) = 1 / log2(1 + rank); relevance is not asked for.

    >>> float(epc(Lists.of_matrix(np.array([[0]])), np.array([0.25])))
    0.75
    """
    discount = rank_discounts(slates.rank)
    with np.errstate(invalid="ignore"):
        return mean_value(slates.sums(discount * (1 - phi[slates.item])) / slates.sums(discount))


def serendipity(slates: Lists, test: Lists, popularity: Floats, n_catalog: int, k: int) -> Value:
    """Return the mean over users of sum max(p_u - p_pop, 0) x relevance / k.

    p = (n + 1 - rank) / n over the n catalog items: for p_u the rank in the list, for p_pop the dense
    rank by popularity; items nobody has taken have p_pop 0.

    >>> slates, test = Lists.of_matrix(np.array([[0, 1]])), Lists.of_matrix(np.array([[1]]))
    >>> float(serendipity(slates, test, np.array([3, 2, 0, 1]), 4, 2))
    0.0
    >>> float(serendipity(slates, test, np.array([3, 0, 2, 1]), 4, 2))
    0.375
    """
    top = slates.top(k)
    dense = np.unique(-popularity, return_inverse=True)[1] + 1
    by_popularity = np.where(popularity > 0, (n_catalog + 1 - dense) / n_catalog, 0.0)
    surprise = np.maximum((n_catalog + 1 - top.rank) / n_catalog - by_popularity[top.item], 0)
    return judged(top.sums(surprise * top.within(test)) / k, slates, test)


def unexpectedness(slates: Lists, profiles: Lists, genres: Floats) -> Value:
    """Return the mean over users of the mean cosine distance of genres between a shown and a profile item.

    Items without a genre are left out; users left without either side are skipped.

    >>> lists = Lists.of_matrix(np.array([[0]])), Lists.of_matrix(np.array([[1]]))
    >>> float(unexpectedness(*lists, np.array([[1, 0], [0, 1]])))
    1.0
    """
    shown, own = with_genre(slates, genres), with_genre(profiles, genres)
    with np.errstate(invalid="ignore"):
        similar = (unit_totals(shown, genres) * unit_totals(own, genres)).sum(axis=1) / (shown.lengths * own.lengths)
    return mean_value(np.clip(1 - similar, 0, 1))


METRICS = (
    Metric(
        "miuf",
        "miuf/log2/count-min-1",
        "diversity",
        "individual",
        ("slates", "popularity", "population"),
        (-INF, INF),
        "less biased",
        "Zhou et al. 2010, PNAS; as in RecTools",
        miuf,
    ),
    Metric(
        "epc",
        "epc/log2-discount/no-relevance",
        "diversity",
        "individual",
        ("slates", "phi"),
        (0, 1),
        "less biased",
        "Vargas & Castells 2011",
        epc,
    ),
    Metric(
        "serendipity",
        "serendipity/dense-popularity-rank/div-k",
        "diversity",
        "individual",
        ("slates", "test", "popularity", "n_catalog", "k"),
        (0, 1),
        "better",
        "as in RecTools",
        serendipity,
    ),
    Metric(
        "unexpectedness",
        "unexpectedness/profile-initial/cosine-genres",
        "filter bubble",
        "individual",
        ("slates", "profiles", "genres"),
        (0, 1),
        "less biased",
        "profile distance, Castells et al. 2015",
        unexpectedness,
    ),
)
