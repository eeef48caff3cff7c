"""Matrix factorization by weighted alternating least squares."""

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy import sparse

from agents.schema import Floats, Ints
from simulator.recommenders.base import Progress
from simulator.recommenders.factors import Factors


@dataclass
class Ials(Factors):
    """Factorize who took what, every item not taken a weak no (Hu, Koren and Volinsky, ICDM 2008).

    recency: weight of a history entry relative to the next newer one (1: all alike; .6 suits films).
    confidence: weight of an item taken, where one not taken has 1; recency lowers it in the user's own equation.
    """

    regularization: Annotated[float, Field(gt=0)] = 20.0
    confidence: Annotated[float, Field(ge=1)] = 5.0
    _gram: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros((1, 1)))

    def learn(self, matrix: sparse.csr_matrix, seed: int, progress: Progress) -> Floats:
        """Alternate between users and items."""
        from implicit.cpu.als import AlternatingLeastSquares

        model = AlternatingLeastSquares(
            factors=self.factors,
            regularization=self.regularization,
            alpha=self.confidence,
            iterations=self.iterations,
            num_threads=1,
            random_state=seed,
        )
        model.fit(matrix, show_progress=False, callback=self.saying(progress))
        return np.asarray(model.item_factors)

    def user(self, items: Ints, weight: Floats) -> Floats:
        """Solve the user's own least squares, the items as they are."""
        own, confidence = self._items[items], self.confidence * weight
        equation = self._gram + (own.T * (confidence - 1.0)) @ own
        return np.asarray(np.linalg.solve(equation, confidence @ own))

    def _take(self, items: Floats, prior: Floats) -> None:
        super()._take(items, prior)
        self._gram = items.T @ items + self.regularization * np.eye(items.shape[1])
