"""Whether users are tied to users of their own kind, always beside what chance gives.

``camp`` holds a code per user, -1 for users who are in none; they and their ties are left out. Camps are dealt out by
lot for the null, except for modularity, whose null ties users anew by the configuration model.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.schema import Floats, Ints
from analysis.metrics.base import Metric, Null, Value
from analysis.metrics.ties import NULL_DRAWS, Ties, shuffled

NOT_TIED = float("nan")


def ei_index(camp: Ints, ties: Ties) -> Value:
    """Return (E - I) / (E + I) with E ties between camps and I ties within them; -1 is a closed echo chamber.

    >>> bridged = Ties.of(np.array([0, 0, 1, 2, 3, 3, 4]), np.array([1, 2, 2, 3, 4, 5, 5]), 6)
    >>> value = ei_index(np.array([0, 0, 0, 1, 1, 1]), bridged)
    >>> round(float(value), 6), value.null.mean > value.value
    (-0.714286, True)
    """
    return _beside_lot(camp, ties, lambda within, _: 1 - 2 * within)


def attribute_assortativity(camp: Ints, ties: Ties) -> Value:
    """Return (s - x) / (1 - x): s the share of ties within camps, x the sum of squared shares of tie ends by camp.

    One camp alone gives NaN.

    >>> bridged = Ties.of(np.array([0, 0, 1, 2, 3, 3, 4]), np.array([1, 2, 2, 3, 4, 5, 5]), 6)
    >>> round(float(attribute_assortativity(np.array([0, 0, 0, 1, 1, 1]), bridged)), 6)
    0.714286
    """
    return _beside_lot(camp, ties, _assortativity)


def modularity(camp: Ints, ties: Ties) -> Value:
    """Return the modularity of the camps, s - x, beside that of ties drawn anew by the configuration model.

    s is the share of ties within camps, x the sum of squared shares of tie ends by camp.

    >>> bridged = Ties.of(np.array([0, 0, 1, 2, 3, 3, 4]), np.array([1, 2, 2, 3, 4, 5, 5]), 6)
    >>> round(float(modularity(np.array([0, 0, 0, 1, 1, 1]), bridged)), 6)
    0.357143
    """
    ties = ties.among(camp >= 0)
    n, n_skipped = _counted(camp)
    if not len(ties):
        return Value(NOT_TIED, n, n_skipped)
    first, second = ties.rewired()
    ends = _ends(camp[None], ties)
    value = (camp[ties.first] == camp[ties.second]).mean() - ends
    draws = (camp[first] == camp[second]).mean(axis=1) - ends
    return Value(float(value[0]), n, n_skipped, null=Null.of(draws))


def neighbor_correlation_index(leaning: Floats, ties: Ties) -> Value:
    """Return Pearson's correlation of users' leanings and the mean leaning of those they are tied to.

    Users without a leaning or a tie to someone with one are skipped; constant leanings give NaN. Leanings are
    dealt out by lot for the null.

    >>> pairs = Ties.of(np.array([0, 2]), np.array([1, 3]), 4)
    >>> float(neighbor_correlation_index(np.array([1.0, 1.0, -1.0, -1.0]), pairs))
    1.0
    """
    there = ~np.isnan(leaning)
    ties = ties.among(there)
    tied = ties.degree > 0
    n, n_skipped = int(tied.sum()), int((~tied).sum())
    if n < 2:
        return Value(NOT_TIED, n, n_skipped)
    dealt = np.zeros((len(leaning), 1 + NULL_DRAWS))
    dealt[there, 0], dealt[there, 1:] = leaning[there], shuffled(leaning[there]).T
    around = (ties.matrix @ dealt)[tied] / ties.degree[tied, None]
    found = _correlations(dealt[tied], around)
    return Value(float(found[0]), n, n_skipped, null=Null.of(found[1:]))


def _correlations(x: Floats, y: Floats) -> Floats:
    """Return Pearson's correlation of each column of x with the same column of y, NaN where one is constant."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    scale = np.sqrt((x * x).sum(axis=0) * (y * y).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.clip(np.where(scale > 1e-12, (x * y).sum(axis=0) / scale, np.nan), -1, 1))


def _assortativity(within: Floats, ends: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(ends < 1 - 1e-12, (within - ends) / (1 - ends), np.nan)


def _beside_lot(camp: Ints, ties: Ties, figure: Callable[[Floats, Floats], Floats]) -> Value:
    """Return a figure of the share of ties within camps and of their expectation, beside that of camps by lot."""
    there = camp >= 0
    ties = ties.among(there)
    n, n_skipped = _counted(camp)
    if not len(ties):
        return Value(NOT_TIED, n, n_skipped)
    dealt = np.full((1 + NULL_DRAWS, len(camp)), -1, dtype=np.int8)
    dealt[0], dealt[1:, there] = camp, shuffled(camp[there].astype(np.int8))
    within = (dealt[:, ties.first] == dealt[:, ties.second]).mean(axis=1)
    found = figure(within, _ends(dealt, ties))
    return Value(float(found[0]), n, n_skipped, null=Null.of(found[1:]))


def _ends(camps: npt.NDArray[Any], ties: Ties) -> Floats:
    """Return per row of camps the sum over camps of the squared share of tie ends in it."""
    shares = [(camps == code) @ ties.degree / (2 * len(ties)) for code in range(int(camps.max()) + 1)]
    return np.asarray((np.array(shares) ** 2).sum(axis=0))


def _counted(camp: Ints) -> tuple[int, int]:
    return int((camp >= 0).sum()), int((camp < 0).sum())


METRICS = (
    Metric(
        "ei_index",
        "ei_index/camps-at-initial-median/null-lot",
        "echo chamber",
        "ecosystem",
        ("camp", "ties"),
        (-1, 1),
        "less biased",
        "Krackhardt & Stern 1988",
        ei_index,
    ),
    Metric(
        "attribute_assortativity",
        "attribute_assortativity/camps-at-initial-median/null-lot",
        "echo chamber",
        "ecosystem",
        ("camp", "ties"),
        (-1, 1),
        "more biased",
        "Newman 2003; as in networkx",
        attribute_assortativity,
    ),
    Metric(
        "modularity",
        "modularity/camps-at-initial-median/null-configuration",
        "echo chamber",
        "ecosystem",
        ("camp", "ties"),
        (-1, 1),
        "more biased",
        "Newman 2006; as in networkx",
        modularity,
    ),
    Metric(
        "neighbor_correlation_index",
        "neighbor_correlation_index/pearson/null-lot",
        "echo chamber",
        "ecosystem",
        ("leaning", "ties"),
        (-1, 1),
        "more biased",
        "leaning against neighbors' leaning, Cota et al. 2019, arXiv 1901.03688",
        neighbor_correlation_index,
    ),
)
