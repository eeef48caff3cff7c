"""What the same users would have done had another recommender chosen what they see."""

from dataclasses import dataclass

import numpy as np

from agents.errors import InvalidInput
from analysis.augment.source import PAIR, among
from analysis.augment.strategies.base import Mask, Material, Strategy


@dataclass
class Counterfactual(Strategy):
    """Take from other arms what a user did there and not in the factual arm, all chance being the same in both.

    Arms of one seed share their random numbers, so that what differs between them is due to the recommender.

    factual: the arm taken to be what happened; empty for the baseline.
    arms: the arms whose interactions are taken; empty for all others.
    """

    factual: str = ""
    arms: tuple[str, ...] = ()

    def choose(self, material: Material) -> Mask:
        """Return true for rows that another recommender brought about; raise InvalidInput where no arms are twins."""
        factual, wanted = self._arms(material)
        rows, worlds = material.rows, {one.world for one in material.runs if one.cell.arm == factual}
        twins = [one for one in material.runs if one.cell.arm in wanted and one.world in worlds]
        if not twins:
            raise InvalidInput(
                f"counterfactual: no run of {', '.join(wanted) or 'another arm'} has the seed of one of {factual!r}; "
                "give a study, or runs of several recommenders with the same seed"
            )
        happened = among(rows, rows[rows["arm"] == factual], ["world", *PAIR])
        return np.asarray(rows["source_run"].isin([one.name for one in twins]) & ~happened)

    def _arms(self, material: Material) -> tuple[str, tuple[str, ...]]:
        """Return the factual arm and the others; raise InvalidInput where one is not there."""
        there = tuple(dict.fromkeys(one.cell.arm for one in material.runs))
        factual = self.factual or material.baseline
        for arm in (factual, *self.arms):
            if arm not in there:
                raise InvalidInput(f"counterfactual: there is no arm {arm!r}; the arms are {', '.join(there)}")
        return factual, tuple(arm for arm in self.arms or there if arm != factual)
