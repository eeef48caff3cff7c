"""A linear item-to-item autoencoder with a closed form."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from agents.schema import Floats
from simulator.catalog import Interactions
from simulator.recommenders.linear import ItemToItem, taken


@dataclass
class Ease(ItemToItem):
    """Predict each item from all others by ridge regression with a zero diagonal (Steck, WWW 2019).

    recency: weight of a history entry relative to the next newer one (1: all alike; .9 suits films).
    ridge: penalty on the squared weights.
    """

    ridge: Annotated[float, Field(gt=0)] = 500.0

    def weights(self, log: Interactions, n_items: int) -> Floats:
        """Return B = -P / diag(P), P the inverse of X'X + ridge I, diagonal 0."""
        matrix = taken(log, n_items)
        gram = (matrix.T @ matrix).toarray()
        gram[np.diag_indices(n_items)] += self.ridge
        weights = np.linalg.inv(gram)
        weights /= -np.diag(weights)  # in place: these are gigabytes from 12,000 items on
        weights[np.diag_indices(n_items)] = 0.0
        return np.asarray(weights)
