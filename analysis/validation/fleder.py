"""Fleder & Hosanagar, Management Science 2009: which recommenders concentrate sales, and which spread them."""

import numpy as np

from analysis.load import Run, Study
from analysis.metrics.concentration import gini_index
from analysis.validation.base import Claim, by_arm, falling

ORDER = ("bestseller", "collaborative", "discounted", "none", "median", "random")
BEGINS = 50
FAST = None


def claims(study: Study) -> list[Claim]:
    """Return the order of arms by the Gini index of sales; against ``none`` a difference is the published change."""
    return falling("Gini of sales", "bestseller > collaborative > ... > random", by_arm(study, _gini), ORDER)


def _gini(run: Run) -> float:
    """Return the Gini index of what was bought since recommendations began."""
    shown = run.impressions
    sold = shown[(shown["action"] == "watch") & (shown["day"] >= BEGINS)]["item_id"]
    return gini_index(np.bincount(sold, minlength=len(run.items)).astype(np.float64)).value
