"""How popular the shown items are."""

from agents.schema import Floats
from analysis.metrics.base import INF, Metric, Value, mean_value
from analysis.metrics.correlation import midranks, spearman
from analysis.metrics.lists import Lists
from analysis.metrics.strata import Head


def arp(slates: Lists, phi: Floats) -> Value:
    """Return the average recommendation popularity: mean over users of the mean phi over the list.

    ``phi[i]`` is the share of users who have item i. A short list is divided by its length.

    >>> import numpy as np
    >>> slates = Lists.of_matrix(np.array([[3, 4], [2, 3], [1, 2], [2, 5]]))
    >>> float(arp(slates, np.array([1, 0.75, 0.25, 0.25, 0.25, 0])))
    0.28125
    """
    return mean_value(slates.means(phi[slates.item]))


def aplt(slates: Lists, head: Head) -> Value:
    """Return the average percentage of long-tail items: mean over users of |list in tail| / |list|.

    >>> import numpy as np
    >>> slates = Lists.of_matrix(np.array([[3, 4], [2, 3], [1, 2], [2, 5]]))
    >>> float(aplt(slates, Head(np.array([1, 1, 1, 0, 0, 0], dtype=bool), 0.3)))
    0.5
    """
    return mean_value(slates.means(head.tail[slates.item]), head.tied_mass)


def tail_item_coverage(counts: Floats, head: Head) -> Value:
    """Return the share of the catalog's tail items with at least one impression; no tail gives NaN.

    >>> import numpy as np
    >>> float(tail_item_coverage(np.array([2, 1, 0]), Head(np.array([True, False, False]), 0.0)))
    0.5
    >>> float(tail_item_coverage(np.array([0, 1, 3, 2, 1, 1]), Head(np.array([1, 1, 1, 0, 0, 0], dtype=bool), 0.3)))
    1.0
    """
    shown = counts[head.tail[: len(counts)]] > 0
    return Value(float(shown.mean()) if len(shown) else float("nan"), len(shown), tied_mass=head.tied_mass)


def tail_exposure_share(counts: Floats, head: Head) -> Value:
    """Return the share of all impressions that went to tail items; no impressions give NaN.

    >>> import numpy as np
    >>> float(tail_exposure_share(np.array([2, 1, 1]), Head(np.array([True, False, False]), 0.0)))
    0.5
    """
    total = float(counts.sum())
    share = float(counts[head.tail[: len(counts)]].sum()) / total if total else float("nan")
    return Value(share, int(total), tied_mass=head.tied_mass)


def mean_pop_rank(slates: Lists, popularity: Floats) -> Value:
    """Return the mean over users of the mean popularity rank, 1 the most popular, tied items sharing their mean rank.

    >>> import numpy as np
    >>> slates = Lists.of_matrix(np.array([[0, 1], [2, 3]]))
    >>> float(mean_pop_rank(slates, np.array([9, 5, 1, 1])))
    2.5
    """
    return mean_value(slates.means(midranks(-popularity)[slates.item]))


def popularity_correlation(counts: Floats, popularity: Floats) -> Value:
    """Return Spearman's correlation of popularity and impressions over the full catalog.

    Constant popularity or constant exposure gives NaN.

    >>> import numpy as np
    >>> round(float(popularity_correlation(np.array([3, 2, 2]), np.array([9, 5, 4]))), 4)
    0.866
    """
    return Value(spearman(popularity[: len(counts)], counts), len(counts))


METRICS = (
    Metric(
        "arp",
        "arp/share-of-users/div-length",
        "concentration",
        "individual",
        ("slates", "phi"),
        (0, 1),
        "more biased",
        "Yin et al. 2012",
        arp,
    ),
    Metric(
        "aplt",
        "aplt/head-80/div-length",
        "concentration",
        "individual",
        ("slates", "head"),
        (0, 1),
        "less biased",
        "Abdollahpouri et al. 2019, arXiv 1901.07555",
        aplt,
    ),
    Metric(
        "tail_item_coverage",
        "tail_item_coverage/head-80",
        "concentration",
        "item",
        ("counts", "head"),
        (0, 1),
        "less biased",
        "the intent of ACLT, arXiv 1901.07555, whose printed formula is APLT x K",
        tail_item_coverage,
        of_nothing=0.0,
    ),
    Metric(
        "tail_exposure_share",
        "tail_exposure_share/head-80/unweighted",
        "concentration",
        "item",
        ("counts", "head"),
        (0, 1),
        "less biased",
        "Abdollahpouri et al. 2019, arXiv 1901.07555, pooled over users",
        tail_exposure_share,
    ),
    Metric(
        "mean_pop_rank",
        "mean_pop_rank/ties-mean",
        "concentration",
        "individual",
        ("slates", "popularity"),
        (1, INF),
        "less biased",
        "obscurity, as in LensKit",
        mean_pop_rank,
    ),
    Metric(
        "popularity_correlation",
        "popularity_correlation/spearman/full-catalog",
        "concentration",
        "item",
        ("counts", "popularity"),
        (-1, 1),
        "more biased",
        "Spearman 1904, after Celma 2010",
        popularity_correlation,
    ),
)
