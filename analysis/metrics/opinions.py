"""How users' opinions of a genre are spread: opinions are the ratings they give.

Users rate what they watch, so whoever does not watch a genre has no opinion of it here: where a recommender stops
showing it, opinions of it get rarer (``n``), not milder. Lenient and strict raters are not told apart from keen and
cool ones.
"""

from agents.schema import Floats
from analysis.metrics.base import INF, Metric, Value, mean_value
from analysis.metrics.network import neighbor_correlation_index
from analysis.metrics.polarization import bimodality_coefficient, esteban_ray_polarization
from analysis.metrics.ties import Ties


def opinion(stated: Floats) -> Value:
    """Return the mean over users of their opinion of a genre, their mean rating of what they watched of it.

    Users who rated nothing of it are skipped; nobody gives NaN.

    >>> import numpy as np
    >>> opinion(np.array([2.0, 4.0, np.nan]))
    Value(value=3.0, n=2, n_skipped=1, tied_mass=0.0)
    """
    return mean_value(stated)


def opinion_bimodality(stated: Floats) -> Value:
    """Return the bimodality coefficient of opinions, (g^2 + 1) / (k + 3 (n - 1)^2 / ((n - 2) (n - 3))).

    g is their skewness, k their excess kurtosis, bias corrected; 5/9 is a uniform distribution, 1 two points. Users
    without an opinion are skipped; fewer than four opinions, or equal ones, give NaN.

    >>> import numpy as np
    >>> round(float(opinion_bimodality(np.repeat([1.0, 5.0], 500))), 2)
    1.0
    """
    return bimodality_coefficient(stated)


def opinion_polarization(stated: Floats, scale: tuple[float, float]) -> Value:
    """Return P = 2^(1 + a) sum_i sum_j p_i^(1 + a) p_j |y_i - y_j|, a = 1, over 10 equal bins of the rating scale.

    1: half of the users at each end of the scale, 0: all in one bin. Users without an opinion are skipped; nobody, or
    a scale of one rating, gives NaN.

    >>> import numpy as np
    >>> float(opinion_polarization(np.array([1.0, 5.0]), (1.0, 5.0)))
    1.0
    """
    return esteban_ray_polarization(stated, scale)


def opinion_neighbor_correlation(stated: Floats, ties: Ties) -> Value:
    """Return Pearson's correlation of users' opinions and the mean opinion of those they are tied to.

    Users without an opinion or a tie to someone with one are skipped; constant opinions give NaN. Opinions are dealt
    out by lot for the null.

    >>> import numpy as np
    >>> pairs = Ties.of(np.array([0, 2]), np.array([1, 3]), 4)
    >>> float(opinion_neighbor_correlation(np.array([1.0, 1.0, 5.0, 5.0]), pairs))
    1.0
    """
    return neighbor_correlation_index(stated, ties)


METRICS = (
    Metric(
        "opinion",
        "opinion/mean-rating-of-genre/mean-of-user-means",
        "polarization",
        "individual",
        ("stated",),
        (-INF, INF),
        "neither",
        "standard; ratings as opinions",
        opinion,
    ),
    Metric(
        "opinion_bimodality",
        "bimodality_coefficient/bias-corrected/mean-rating-of-genre",
        "polarization",
        "ecosystem",
        ("stated",),
        (0, 1),
        "more biased",
        "SAS Institute 1990; Pfister et al. 2013",
        opinion_bimodality,
    ),
    Metric(
        "opinion_polarization",
        "esteban_ray_polarization/alpha-1/10-bins-of-the-rating-scale/mean-rating-of-genre",
        "polarization",
        "ecosystem",
        ("stated", "scale"),
        (0, 1),
        "more biased",
        "Esteban & Ray 1994",
        opinion_polarization,
    ),
    Metric(
        "opinion_neighbor_correlation",
        "neighbor_correlation_index/pearson/null-lot/mean-rating-of-genre",
        "echo chamber",
        "ecosystem",
        ("stated", "ties"),
        (-1, 1),
        "more biased",
        "Cota et al. 2019, arXiv 1901.03688",
        opinion_neighbor_correlation,
    ),
)
