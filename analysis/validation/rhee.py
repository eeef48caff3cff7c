"""Rhee, Cho and Suh, RecSys 2022: BPR on a triangular matrix ranks by popularity, for no reason in the data."""

import numpy as np

from agents.schema import Ints
from analysis.load import Run, Study
from analysis.metrics.equality import popq_at_1, pri
from analysis.metrics.lists import Lists
from analysis.validation.base import Claim, about, by_arm

FAST = ("study.seeds=3",)


def claims(study: Study) -> list[Claim]:
    """Return what the paper prints of BPR on this matrix, and of ranking by lot, within a tenth."""
    correlation, quantile = by_arm(study, _pri), by_arm(study, _popq)
    return [
        about("PRI: bpr", "about .99", correlation["bpr"], 0.9, 1.0),
        about("PRI: random", "about 0", correlation["random"], -0.1, 0.1),
        about("PopQ@1: bpr", "about .02", quantile["bpr"], 0.0, 0.12),
        about("PopQ@1: random", "about .5", quantile["random"], 0.4, 0.6),
    ]


def _pri(run: Run) -> float:
    history = run.history
    taken = Lists.of(*_ids(history["user_id"], history["item_id"]), len(run.users))
    return pri(_ranking(run), taken, run.items["initial_count"].to_numpy(np.float64)).value


def _popq(run: Run) -> float:
    return popq_at_1(_ranking(run), run.items["initial_count"].to_numpy(np.float64), len(run.items)).value


def _ranking(run: Run) -> Lists:
    shown = run.impressions
    return Lists.of_showings(*_ids(shown["user_id"], shown["item_id"]), len(run.users))


def _ids(*columns: object) -> tuple[Ints, Ints]:
    users, items = (np.asarray(column, dtype=np.int64) for column in columns)
    return users, items
