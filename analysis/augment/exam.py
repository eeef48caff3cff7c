"""The questions that recommenders are asked, on real held-out rows, and how they are judged."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agents.schema import Bools, Draws, Floats, Ints
from analysis.augment.case import Case
from analysis.augment.sampling import half
from analysis.metrics.accuracy import ndcg_at_k
from analysis.metrics.lists import Lists
from analysis.metrics.strata import GROUPS, user_groups
from analysis.offline import K

if TYPE_CHECKING:
    from simulator.data.held_out import HeldOut
    from simulator.recommenders.base import Recommender

COLD = 5
"""Real training rows below which an item is cold."""
ALL = "all"
COLD_ITEMS, WARM_ITEMS, AMONG_COLD = "cold items", "warm items", "cold items alone"
SPLITS = (ALL, COLD_ITEMS, WARM_ITEMS, AMONG_COLD, *(f"{group} users" for group in GROUPS))


@dataclass(frozen=True)
class Exam:
    """The questions of one seed, and what of their targets and users is looked at apart."""

    held_out: "HeldOut"
    cold: Bools
    group: Ints

    @staticmethod
    def of(case: Case, draws: Draws) -> "Exam":
        """Return a keyed half of the users asked."""
        asked = np.flatnonzero(half(case.test.requests.user_id, draws, "tested user"))
        some = case.test.of(asked)
        popularity = case.real.counts(len(case.catalog))
        users, taker = np.unique(case.real.user_id, return_inverse=True)
        groups = user_groups(Lists.of_showings(taker, case.real.item_id, len(users)), popularity)
        place = np.searchsorted(users, some.requests.user_id)
        return Exam(some, popularity < COLD, groups[place])

    def judged(self, recommender: "Recommender") -> dict[str, float]:
        """Return NDCG@10 of each split: the mean over users with any target there, NaN where there is none.

        For cold and warm items the whole catalog is ranked, and targets of the other kind count as misses; for cold
        items alone only these are ranked, as in a row of new ones.
        """
        asked, warm = self.held_out.requests, np.flatnonzero(~self.cold)
        apart = asked.barring([warm], np.zeros(len(asked), dtype=np.int64))
        shown, new = (Lists.of_matrix(recommender.recommend(requests, K).item_id) for requests in (asked, apart))
        n, target, owner = len(self.held_out.requests), self.held_out.target, self.held_out.owner

        def ndcg(lists: Lists, rows: Bools) -> Floats:
            wanted = Lists(owner[rows], target[rows], n)
            found = ndcg_at_k(lists, wanted, K).per_user
            assert found is not None
            return np.where(wanted.lengths > 0, np.nan_to_num(found), np.nan)

        every = ndcg(shown, np.ones(len(target), dtype=np.bool_))
        cold = self.cold[target]
        parts = [every, ndcg(shown, cold), ndcg(shown, ~cold), ndcg(new, cold)]
        parts += [every[self.group == code] for code in range(len(GROUPS))]
        return {name: _mean(part) for name, part in zip(SPLITS, parts, strict=True)}


def _mean(values: Floats) -> float:
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else float("nan")
