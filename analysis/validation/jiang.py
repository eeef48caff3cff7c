"""Jiang et al., AIES 2019: interests that feed on being shown drift fastest under an oracle, slowest by lot."""

import numpy as np

from analysis.load import Run, Study
from analysis.validation.base import Claim, above, by_arm

STEP = 0.01
FAST = ("days=200", "study.seeds=3")


def claims(study: Study) -> list[Claim]:
    """Return that every arm drifts faster than random and slower than the oracle."""
    drift = by_arm(study, _drift)
    between = [arm for arm in study.arms if arm not in ("oracle", "random")]
    most = [above(f"drift: oracle - {arm}", "oracle fastest", drift["oracle"] - drift[arm]) for arm in between]
    least = [above(f"drift: {arm} - random", "random slowest", drift[arm] - drift["random"]) for arm in between]
    return [*most, *least]


def _drift(run: Run) -> float:
    """Return the mean over users of the Euclidean distance of interests, at the end, from those at the beginning."""
    shown, items = run.table("impressions", ["user_id", "item_id", "action"]), len(run.items)
    signs = np.where(shown["action"] == "watch", STEP, -STEP)
    cell = shown["user_id"].to_numpy(np.int64) * items + shown["item_id"].to_numpy(np.int64)
    moved = np.bincount(cell, weights=signs, minlength=len(run.users) * items)
    return float(np.sqrt(np.square(moved.reshape(-1, items)).sum(axis=1)).mean())
