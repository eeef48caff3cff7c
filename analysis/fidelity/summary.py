"""Figures of seeds put together: means with intervals, and what they were hoped to be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

Summary = dict[str, float | None]
"""``value`` with the ends of its interval, ``low`` and ``high``: None where there is nothing to say."""


def interval(values: Sequence[float]) -> Summary:
    """Return the mean over seeds with its 95 % t interval; no interval from fewer than two seeds.

    >>> interval([1.0, 3.0])["value"], round(interval([1.0, 3.0])["high"], 2)
    (2.0, 14.71)
    >>> interval([1.0])
    {'value': 1.0, 'low': None, 'high': None}
    """
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return {"value": None, "low": None, "high": None}
    mean = float(np.mean(known))
    if len(known) < 2:
        return {"value": mean, "low": None, "high": None}
    reach = float(student.ppf(0.975, len(known) - 1) * np.std(known, ddof=1) / np.sqrt(len(known)))
    return {"value": mean, "low": mean - reach, "high": mean + reach}


def together(seeds: Sequence[Mapping[str, float]]) -> dict[str, Summary]:
    """Return every figure that any seed has, in the order of the first that has it."""
    names = dict.fromkeys(name for seed in seeds for name in seed)
    return {name: interval([seed[name] for seed in seeds if name in seed]) for name in names}


NAMES = (
    "rating_ks",
    "rating_rmse",
    "rating_rmse_user_mean",
    "auc_uniform",
    "auc_matched",
    "mcfadden_r2",
    "calibration_slope",
    "llm_gain",
    "hit_1_9",
    "watch_lift",
    "base_rate",
    "gini_ratio",
    "entropy_ratio",
    "monotone",
    "kendall_tau",
)
"""Figures that every column has, without a value where they cannot be measured."""


def column(seeds: Sequence[Mapping[str, float]]) -> dict[str, Summary]:
    """Return every figure of one column over seeds."""
    found = together(seeds)
    return found | {name: interval([]) for name in NAMES if name not in found}


@dataclass(frozen=True)
class Target:
    """What a figure is hoped to be: within [low, high] in the mean, or, where ``firm``, with its whole interval."""

    figure: str
    low: float = -np.inf
    high: float = np.inf
    firm: bool = False

    def wanted(self) -> str:
        """Return the target in words."""
        if np.isfinite(self.low) and np.isfinite(self.high):
            return f"{self.low:g} to {self.high:g}"
        bound = f"from {self.low:g}" if np.isfinite(self.low) else f"up to {self.high:g}"
        return f"above {self.low:g} throughout" if self.firm else bound

    def met(self, found: Mapping[str, Summary]) -> bool | None:
        """Tell whether it is met; None where the figure was not measured."""
        summary = found.get(self.figure, {})
        value, low, high = (summary.get(end) for end in ("value", "low", "high"))
        if value is None or (self.firm and (low is None or high is None)):
            return None
        worst = (low, high) if self.firm else (value, value)
        assert worst[0] is not None and worst[1] is not None  # noqa: PT018
        return worst[0] >= self.low and worst[1] <= self.high


FITTED = (
    Target("auc_uniform", low=0.85),
    Target("auc_matched", low=0.64),
    Target("auc_matched_popularity", low=0.49, high=0.51),
    Target("mcfadden_r2", low=0.0, firm=True),
    Target("calibration_slope", low=0.9, high=1.1),
    Target("rating_gain", low=0.12),
    Target("rating_ks", high=0.05),
    Target("rating_ks_user_gain", low=0.0),
    Target("gini_ratio", low=0.9, high=1.1),
    Target("entropy_ratio", low=0.9, high=1.1),
    Target("base_rate", low=0.95, high=1.05),
    Target("monotone", low=3.0),
)
"""What fitted users are hoped to reach."""
TALKING = (
    Target("auc_matched", low=0.56),
    Target("auc_matched_popularity", low=0.49, high=0.51),
    Target("llm_gain", low=0.0, firm=True),
    Target("rating_gain", low=0.10),
    Target("rating_ks", high=0.05),
    Target("rating_ks_user_gain", low=0.0),
    Target("gini_ratio", low=0.8, high=1.2),
    Target("entropy_ratio", low=0.8, high=1.2),
    Target("base_rate", low=0.9, high=1.1),
    Target("monotone", low=3.0),
)
"""What users played by a language model are hoped to reach."""
