"""Whether users' leanings stand apart in two heaps."""

import numpy as np

from agents.schema import Floats
from analysis.metrics.base import ROUNDING, Metric, Value

BINS = 10
ALPHA = 1.0
FEWEST = 4
"""Leanings that a corrected kurtosis takes."""


def bimodality_coefficient(leaning: Floats) -> Value:
    """Return (g^2 + 1) / (k + 3 (n - 1)^2 / ((n - 2) (n - 3))), g skewness and k excess kurtosis, bias corrected.

    5/9 is a uniform distribution, a normal one has 1/3, two points 1. Users without a leaning are skipped; fewer
    than FEWEST leanings, or equal ones, give NaN.

    >>> round(float(bimodality_coefficient(np.repeat([0.0, 1.0], 500))), 2)
    1.0
    """
    x = leaning[~np.isnan(leaning)]
    n, n_skipped = len(x), int(np.isnan(leaning).sum())
    if n < FEWEST or np.ptp(x) < ROUNDING:
        return Value(float("nan"), n, n_skipped)
    m2, m3, m4 = (((x - x.mean()) ** power).mean() for power in (2, 3, 4))
    skewness = m3 / m2**1.5 * np.sqrt(n * (n - 1)) / (n - 2)
    kurtosis = ((n + 1) * (m4 / m2**2 - 3) + 6) * (n - 1) / ((n - 2) * (n - 3))
    return Value(float((skewness**2 + 1) / (kurtosis + 3 * (n - 1) ** 2 / ((n - 2) * (n - 3)))), n, n_skipped)


def esteban_ray_polarization(leaning: Floats, span: tuple[float, float]) -> Value:
    """Return P = 2^(1 + a) sum_i sum_j p_i^(1 + a) p_j |y_i - y_j|, a = 1, over BINS equal bins of the span.

    p are shares of users, y the centers of the bins, 0 and 1 those of the outermost; leanings beyond the span
    count in them. 1: one half at each end, 0: all in one bin. Users without a leaning are skipped.

    >>> halves = np.array([0.0, 0.0, 1.0, 1.0])
    >>> float(esteban_ray_polarization(halves, (0.0, 1.0))), float(esteban_ray_polarization(halves * 0, (0.0, 1.0)))
    (1.0, 0.0)
    """
    x = leaning[~np.isnan(leaning)]
    low, high = span
    n, n_skipped = len(x), int(np.isnan(leaning).sum())
    if n == 0 or not high > low:
        return Value(float("nan"), n, n_skipped)
    place = np.clip(((x - low) / (high - low) * BINS).astype(np.int64), 0, BINS - 1)
    p, y = np.bincount(place, minlength=BINS) / n, np.arange(BINS) / (BINS - 1)
    apart = p ** (1 + ALPHA) @ np.abs(y[:, None] - y[None, :]) @ p
    return Value(float(2 ** (1 + ALPHA) * apart), n, n_skipped)


METRICS = (
    Metric(
        "bimodality_coefficient",
        "bimodality_coefficient/bias-corrected",
        "polarization",
        "ecosystem",
        ("leaning",),
        (0, 1),
        "more biased",
        "SAS Institute 1990; Pfister et al. 2013",
        bimodality_coefficient,
    ),
    Metric(
        "esteban_ray_polarization",
        "esteban_ray_polarization/alpha-1/10-bins-of-the-initial-span",
        "polarization",
        "ecosystem",
        ("leaning", "span"),
        (0, 1),
        "more biased",
        "Esteban & Ray 1994",
        esteban_ray_polarization,
    ),
)
