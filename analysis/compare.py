"""Compare arms with the baseline, seed by seed: differences, intervals, effect sizes, corrected tests."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy import stats

from agents.errors import InvalidInput
from agents.schema import Floats
from analysis.load import Study

KEY = ("metric", "definition_id", "outcome", "level", "on", "snapshot", "group")
"""The columns of the measured frame that say which figure a row is."""

WHOLE_RUN = -1.0
"""The ``day`` of figures over the whole run."""

CONFIDENCE = 0.95
FEWEST_FOR_INTERVAL = 3
FEWEST_FOR_SIGN_FLIPS = 10
FEWEST_FOR_BOOTSTRAP = 30
RESAMPLES = 9999
RESAMPLING_KEY = 20_261_123
"""Fixed, so that the same figures always give the same intervals."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """The paired difference arm - baseline of one figure over seeds.

    ``n`` counts the pairs; ``low``, ``high``, ``d`` and ``p`` are NaN under 3 pairs. ``method`` names
    how the interval was made, ``test`` how p was.
    """

    n: int
    baseline_mean: float
    arm_mean: float
    difference: float
    low: float
    high: float
    method: str
    d: float
    p: float
    test: str


def contrast(arm: Floats, baseline: Floats) -> Contrast:
    """Return the contrast of paired figures, one pair per seed; pairs with a NaN are left out.

    Intervals are Student's t below 30 pairs and the percentile bootstrap from there on; tests are the
    paired t test below 10 pairs (a sign-flip test of 5 cannot go under .06) and sign flips from there
    on, or wherever all differences are equal, where t says nothing. ``d`` is the mean difference over
    the standard deviation of the differences.

    >>> c = contrast(np.array([3.0, 4.0, 6.0]), np.array([1.0, 1.0, 2.0]))
    >>> c.difference, round(c.low, 3), round(c.high, 3), round(c.d, 3), round(c.p, 4)
    (3.0, 0.516, 5.484, 3.0, 0.0351)
    >>> contrast(np.array([3.0]), np.array([1.0])).method
    'n = 1, no interval'
    """
    there = ~(np.isnan(arm) | np.isnan(baseline))
    arm, baseline = arm[there], baseline[there]
    n, nan = len(arm), float("nan")
    if n == 0:
        return Contrast(0, nan, nan, nan, nan, nan, "nothing to pair", nan, nan, "none")
    differences = arm - baseline
    means = (float(baseline.mean()), float(arm.mean()), float(differences.mean()))
    if n < FEWEST_FOR_INTERVAL:
        return Contrast(n, *means, nan, nan, f"n = {n}, no interval", nan, nan, "none")
    low, high, method = interval(differences)
    p, test = p_value(differences)
    sd = float(differences.std(ddof=1))
    return Contrast(n, *means, low, high, method, means[2] / sd if sd else nan, p, test)


def interval(values: Floats) -> tuple[float, float, str]:
    """Return the 95 % interval of the mean of at least 3 values, and how it was made."""
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0]), "all seeds equal"
    if len(values) >= FEWEST_FOR_BOOTSTRAP:
        resampled = stats.bootstrap(
            (values,), np.mean, n_resamples=RESAMPLES, confidence_level=CONFIDENCE, method="percentile", rng=_draws()
        ).confidence_interval
        return float(resampled.low), float(resampled.high), "bootstrap 95 %"
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * stats.sem(values))
    mean = float(values.mean())
    return mean - half, mean + half, "t 95 %"


def verdict(low: float, high: float, *, more: bool = True) -> str:
    """Say what an interval shows of a claim that something is more (or less): shown, not shown or the opposite.

    >>> verdict(0.1, 0.3), verdict(-0.1, 0.3), verdict(0.1, 0.3, more=False), verdict(float("nan"), float("nan"))
    ('shown', 'not shown', 'opposite', 'not shown')
    """
    if low > 0 or high < 0:
        return "shown" if (low > 0) == more else "opposite"
    return "not shown"


def p_value(differences: Floats) -> tuple[float, str]:
    """Return the two-sided p of no difference, and the test it comes from."""
    n = len(differences)
    if np.ptp(differences) == 0:
        return (1.0 if differences[0] == 0 else 2.0 ** (1 - n)), "sign flips"
    if n < FEWEST_FOR_SIGN_FLIPS:
        return float(stats.ttest_1samp(differences, 0.0).pvalue), "paired t"
    flipped = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=RESAMPLES, vectorized=True, rng=_draws()
    )
    return float(flipped.pvalue), "sign flips"


def _draws() -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=RESAMPLING_KEY))


def holm(p: Floats) -> Floats:
    """Return Holm's step-down adjusted p-values; NaN stays NaN and is not counted as a test.

    >>> holm(np.array([0.01, float("nan"), 0.04, 0.03])).round(2).tolist()
    [0.03, nan, 0.06, 0.06]
    """
    adjusted = np.full(len(p), np.nan)
    tests = np.flatnonzero(~np.isnan(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    steps = np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def compare(study: Study, metrics: Sequence[str] = (), groups: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per figure and arm: the key, ``where``, ``arm``, ``baseline``, the contrast's fields, ``p_holm``.

    Only figures over the whole run are compared; ``metrics`` and ``groups`` keep those named. Pairs
    are runs of one seed, which share their random numbers, at one point of the grid (``where``). Holm's correction
    runs over the rows returned. Raise InvalidInput for an unknown metric or where there is nothing to compare.
    """
    if len(study.arms) < 2:
        raise InvalidInput(f"{study.folder} holds one arm, {study.baseline}; comparing takes a study or several runs")
    table = pd.DataFrame([row for there in study.everywhere for row in _rows(there, metrics, groups)])
    return table.assign(p_holm=holm(table["p"].to_numpy(dtype=float)))


def _rows(study: Study, metrics: Sequence[str], groups: Sequence[str]) -> Iterator[dict[str, object]]:
    frame = study.metrics
    whole = frame[frame["day"] == WHOLE_RUN]
    _check_names(metrics, whole)
    for column, wanted in (("metric", metrics), ("group", groups)):
        if wanted:
            whole = whole[whole[column].isin(list(wanted))]
    for key, figures in whole.groupby(list(KEY), sort=False):
        for arm, found in _against_baseline(study, figures):
            about = {**dict(zip(KEY, key, strict=True)), "where": study.where}
            yield about | {"arm": arm, "baseline": study.baseline, **asdict(found)}


def _check_names(names: Sequence[str], frame: pd.DataFrame) -> None:
    known = sorted(frame["metric"].unique())
    for name in names:
        if name not in known:
            raise InvalidInput(f"--metric {name}: not measured here; there are: {', '.join(known)}")


def _against_baseline(study: Study, figures: pd.DataFrame) -> list[tuple[str, Contrast]]:
    return [(arm, paired(figures, arm, study.baseline)) for arm in study.arms[1:]]


def paired(figures: pd.DataFrame, arm: str, against: str) -> Contrast:
    """Return the contrast of two arms in rows of one figure (columns ``arm``, ``seed``, ``value``), paired by seed."""
    by_seed = figures.pivot_table(index="seed", columns="arm", values="value", dropna=False)
    by_seed = by_seed.reindex(columns=[arm, against])
    return contrast(by_seed[arm].to_numpy(dtype=float), by_seed[against].to_numpy(dtype=float))
