"""Which of several ways is better than which, pair by pair, with intervals."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from agents.schema import Floats
from analysis.compare import contrast, verdict


def orderings(values: Mapping[str, Floats], *, more: bool) -> list[dict[str, Any]]:
    """Return a row per pair of names with a value per seed, the better mean first.

    ``more`` says whether larger is better. ``difference`` is better - other, paired by seed, with its 95 % interval
    and what that shows; ``d`` is the effect size.

    >>> found = orderings({"a": np.array([1.0, 2.0, 3.0]), "b": np.array([2.0, 3.5, 4.0])}, more=True)
    >>> [(row["better"], row["other"], round(row["difference"], 2), row["verdict"]) for row in found]
    [('b', 'a', 1.17, 'shown')]
    """
    known = {name: value for name, value in values.items() if not np.isnan(value).all()}
    ranked = sorted(known, key=lambda name: float(np.nanmean(known[name])) * (-1 if more else 1))
    rows = []
    for better, other in combinations(ranked, 2):
        found = contrast(known[better], known[other])
        rows.append(
            {"better": better, "other": other, "n": found.n, "difference": found.difference}
            | {"low": found.low, "high": found.high, "method": found.method, "d": found.d}
            | {"verdict": verdict(found.low, found.high, more=more)}
        )
    return rows
