"""What an augmentation is judged on: real rows, synthetic rows and the catalog they share."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from agents.schema import Floats
from analysis.offline import levered

if TYPE_CHECKING:
    from simulator.catalog import Catalog, Interactions
    from simulator.data.held_out import HeldOut
    from simulator.recommenders.base import Recommender


@dataclass(frozen=True)
class Case:
    """The tables of one data set, in its inside ids.

    Users of the data set are 0..n_users-1; invented ones follow. A synthetic row carries the user it was made for, so
    that it goes on where that user's real rows end.

    real: all rows that whatever made the synthetic ones may have learned from.
    held_out: real rows that nobody has seen: the data set's own evaluation split.
    test: the questions asked of recommenders, whatever they were trained on: histories from ``real``, targets from
    ``held_out``.
    weight: of each synthetic row, what it is drawn by where fewer are wanted.
    """

    name: str
    catalog: "Catalog"
    n_users: int
    real: "Interactions"
    held_out: "Interactions"
    test: "HeldOut"
    synthetic: "Interactions"
    weight: Floats

    @cached_property
    def teacher(self) -> "Recommender":
        """Return EASE fitted on the real rows, which draws nothing, so that once is enough."""
        teacher = levered({"kind": "ease"})
        teacher.fit(self.real, self.catalog, rng=np.random.default_rng(0))
        return teacher
