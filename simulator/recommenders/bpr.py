"""Matrix factorization that ranks what was taken above what was not."""

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy import sparse
from scipy.special import expit

from agents.schema import Floats, Ints
from simulator.recommenders.base import Progress
from simulator.recommenders.factors import Factors

STEPS = 3
"""Newton steps to a user's factors; the next one changes nothing that shows."""


@dataclass
class Bpr(Factors):
    """Rank items taken above items drawn, pair by pair (Rendle et al., UAI 2009).

    A user's factors maximize the same objective, the average item in place of the drawn ones.
    recency: weight of a history entry relative to the next newer one (1: all alike; .7 suits films).
    learning_rate: of the stochastic gradient.
    """

    iterations: Annotated[int, Field(ge=1)] = 60
    learning_rate: Annotated[float, Field(gt=0)] = 0.02
    _average: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(1))

    def learn(self, matrix: sparse.csr_matrix, seed: int, progress: Progress) -> Floats:
        """Follow the gradient; the last factor is the item's own weight, which every user shares."""
        from implicit.cpu.bpr import BayesianPersonalizedRanking

        model = BayesianPersonalizedRanking(
            factors=self.factors,
            learning_rate=self.learning_rate,
            regularization=self.regularization,
            iterations=self.iterations,
            num_threads=1,
            random_state=seed,
        )
        model.fit(matrix, show_progress=False, callback=self.saying(progress))
        return np.asarray(model.item_factors)

    def user(self, items: Ints, weight: Floats) -> Floats:
        """Maximize the weighted mean of log sigmoid(item - average item) less the penalty, by Newton's method."""
        better, share = self._items[items] - self._average, weight / weight.sum()
        factors, head = better[:, :-1], better[:, -1]
        penalty, found = self.regularization, np.zeros(factors.shape[1])
        for _ in range(STEPS):
            doubt = expit(-(factors @ found + head))
            slope = (share * doubt) @ factors - penalty * found
            curvature = (factors.T * (share * doubt * (1.0 - doubt))) @ factors
            found = found + np.linalg.solve(curvature + penalty * np.eye(len(found)), slope)
        return np.append(found, 1.0)

    def _take(self, items: Floats, prior: Floats) -> None:
        super()._take(items, prior)
        self._average = items.mean(axis=0) if len(items) else np.zeros(items.shape[1])
