"""A mean and how far it can be trusted."""

import numpy as np
from scipy.stats import t as student

from agents.schema import Floats


def interval(values: Floats) -> dict[str, float]:
    """Return the mean of independent values with its 95 % t interval; NaN where there are too few for one.

    >>> interval(np.array([1.0, 2.0, 3.0]))["value"]
    2.0
    """
    n = len(values)
    mean = float(values.mean()) if n else float("nan")
    half = float(student.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    return {"value": mean, "low": mean - half, "high": mean + half}
