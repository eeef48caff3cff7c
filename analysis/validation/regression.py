"""The engine's own reference on MovieLens 100K, what any closed loop does to profiles and to consumption."""

import numpy as np

from agents.schema import Floats
from analysis.load import Run, Study
from analysis.metrics.concentration import gini_index
from analysis.metrics.homogenization import mean_pairwise_jaccard
from analysis.metrics.lists import Lists
from analysis.validation.base import Claim, above, by_arm, falling, unclaimed

ORDER = ("popularity", "user_knn", "ease", "item_knn", "random")
LEVEL = "rise of profiles' Jaccard: user_knn - ease"
"""The one step of the order that comes and goes with the rounds: told, not claimed."""
OWN = "reference of this repository"
FAST = None


def claims(study: Study) -> list[Claim]:
    """Return that both rise for every collaborative recommender and fall for random, and in which order."""
    found = []
    for what, figure in (("rise of profiles' Jaccard", jaccard_rise), ("rise of consumption's Gini", gini_rise)):
        rises = by_arm(study, figure)
        found += [above(f"{what}: {arm}", OWN, rises[arm]) for arm in ORDER[:-1]]
        found += [above(f"{what}: 0 - random", OWN, -rises["random"]), *falling(what, OWN, rises, ORDER)]
    return [unclaimed(claim) if claim.target.figure == LEVEL else claim for claim in found]


def jaccard_rise(run: Run) -> float:
    """Return how much the mean pairwise Jaccard of all the users have taken grew."""
    before, after = _lists(run)
    return mean_pairwise_jaccard(after).value - mean_pairwise_jaccard(before).value


def gini_rise(run: Run) -> float:
    """Return how much the Gini index over the catalog of all the users have taken grew."""
    before, after = (gini_index(_counts(lists, len(run.items))) for lists in _lists(run))
    return after.value - before.value


def _counts(lists: Lists, n_items: int) -> Floats:
    return np.bincount(lists.item, minlength=n_items).astype(np.float64)


def _lists(run: Run) -> tuple[Lists, Lists]:
    """Return what each user had taken before time 0, and what by the end."""
    n, shown = len(run.users), run.table("impressions", ["user_id", "item_id", "action"])
    watched, history = shown[shown["action"] == "watch"], run.history
    sides = [(frame["user_id"].to_numpy(np.int64), frame["item_id"].to_numpy(np.int64)) for frame in (history, watched)]
    before = Lists.of_showings(*sides[0], n)
    return before, Lists.one_after_other([before, Lists.of_showings(*sides[1], n)])
