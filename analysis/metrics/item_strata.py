"""What the head, the mid and the tail of the catalog each get; ``stratum`` marks the items of one of them."""

import numpy as np

from agents.schema import Bools, Floats
from analysis.metrics.accuracy import judged
from analysis.metrics.base import INF, Metric, Value
from analysis.metrics.lists import Lists


def exposure_share(counts: Floats, stratum: Bools) -> Value:
    """Return the share of all impressions that went to items of the stratum; no impressions give NaN.

    >>> float(exposure_share(np.array([2, 1, 1]), np.array([False, True, True])))
    0.5
    """
    total = float(counts.sum())
    return Value(float(counts[stratum[: len(counts)]].sum()) / total if total else float("nan"), int(total))


def exposure_lift(counts: Floats, popularity: Floats, stratum: Bools) -> Value:
    """Return the stratum's share of impressions over its share of interactions, less 1; NaN where nobody took any.

    >>> float(exposure_lift(np.array([2, 1, 1]), np.array([3, 1, 0]), np.array([False, True, True])))
    1.0
    """
    share = exposure_share(counts, stratum)
    taken = exposure_share(popularity[: len(counts)], stratum).value
    return Value(share.value / taken - 1 if taken > 0 else float("nan"), share.n)


def stratum_coverage(counts: Floats, stratum: Bools) -> Value:
    """Return the share of the stratum's items with at least one impression; a stratum without items gives NaN.

    >>> float(stratum_coverage(np.array([2, 1, 0]), np.array([False, True, True])))
    0.5
    """
    shown = counts[stratum[: len(counts)]] > 0
    return Value(float(shown.mean()) if len(shown) else float("nan"), len(shown))


def stratum_recall(slates: Lists, test: Lists, stratum: Bools, k: int) -> Value:
    """Return the mean over users of hits in the first k / relevant items, both of the stratum alone.

    Users without a relevant item of the stratum are skipped.

    >>> slates, test = Lists.of_matrix(np.array([[0, 1]])), Lists.of_matrix(np.array([[1, 2]]))
    >>> float(stratum_recall(slates, test, np.array([False, True, True]), 2))
    0.5
    """
    relevant, top = _only(test, stratum), slates.top(k)
    return judged(top.sums(top.within(relevant)) / np.maximum(relevant.lengths, 1), slates, relevant)


def _only(lists: Lists, stratum: Bools) -> Lists:
    rows = stratum[lists.item]
    return Lists(lists.owner[rows], lists.item[rows], lists.n)


METRICS = (
    Metric(
        "exposure_share",
        "exposure_share/bands-20-60-20/unweighted",
        "concentration",
        "item",
        ("counts", "stratum"),
        (0, 1),
        "neither",
        "Abdollahpouri et al. 2021, arXiv 2103.06364, strata",
        exposure_share,
    ),
    Metric(
        "exposure_lift",
        "exposure_lift/bands-20-60-20/over-interaction-share",
        "concentration",
        "item",
        ("counts", "popularity", "stratum"),
        (-1, INF),
        "neither",
        "share of exposure over share of interactions, as disparate exposure of Singh & Joachims 2018",
        exposure_lift,
    ),
    Metric(
        "stratum_coverage",
        "stratum_coverage/bands-20-60-20",
        "diversity",
        "item",
        ("counts", "stratum"),
        (0, 1),
        "less biased",
        "Herlocker et al. 2004, by stratum",
        stratum_coverage,
        of_nothing=0.0,
    ),
    Metric(
        "stratum_recall",
        "stratum_recall/bands-20-60-20/div-rel",
        "accuracy",
        "individual",
        ("slates", "test", "stratum", "k"),
        (0, 1),
        "better",
        "standard, by stratum",
        stratum_recall,
    ),
)
