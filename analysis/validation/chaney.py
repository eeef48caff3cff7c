"""Chaney, Stewart & Engelhardt, RecSys 2018: recommenders make users more alike than their tastes do."""

import numpy as np

from agents.schema import Ints
from analysis.load import Run, Study
from analysis.metrics.homogenization import mean_pairwise_jaccard
from analysis.metrics.lists import Lists
from analysis.validation.base import Claim, above, by_arm, falling

ORDER = ("popularity", "content", "factors", "random")
FAST = ("study.seeds=3",)


def claims(study: Study) -> list[Claim]:
    """Return the claims."""
    alike = by_arm(study, _jaccard)
    for a, v in alike.items(): print(a, v.round(4), (v - alike["ideal"]).mean().round(4))
    return falling("change in Jaccard", "popularity (.22) > content (.15) > factors (.085) > random (.01)", alike, ORDER)


def _jaccard(run: Run) -> float:
    shown = run.table("impressions", ["user_id", "item_id", "action"])
    taken = shown[shown["action"] == "watch"]
    lists = Lists.of_showings(taken["user_id"].to_numpy(np.int64), taken["item_id"].to_numpy(np.int64), len(run.users))
    return mean_pairwise_jaccard(lists).value
