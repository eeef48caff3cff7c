"""A linear item-to-item autoencoder with a closed form."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.linalg.lapack import dpotrf, dpotri

from agents.schema import Floats
from simulator.catalog import Interactions
from simulator.recommenders.linear import ItemToItem, Weights, taken


@dataclass
class Ease(ItemToItem):
    """Predict each item from all others by ridge regression with a zero diagonal (Steck, WWW 2019).

    recency: weight of a history entry relative to the next newer one (1: all alike; .9 suits films).
    ridge: penalty on the squared weights.
    """

    ridge: Annotated[float, Field(gt=0)] = 500.0

    def weights(self, log: Interactions, n_items: int) -> Weights:
        """Return B = -P / diag(P), P the inverse of X'X + ridge I, diagonal 0.

        Items that nobody took beside another have no weights, and only the others are solved for.
        """
        matrix = taken(log, n_items)
        beside = np.unique(matrix[np.diff(matrix.indptr) > 1].indices)
        gram = (matrix.T @ matrix)[beside][:, beside].toarray(order="F")
        gram[np.diag_indices(len(beside))] += self.ridge
        inverse = _inverse(gram)
        inverse /= -np.diag(inverse)
        inverse[np.diag_indices(len(beside))] = 0.0
        weights = np.zeros((n_items, n_items), dtype=np.float32)
        weights[np.ix_(beside, beside)] = inverse
        return weights


def _inverse(matrix: Floats) -> Floats:
    """Return the inverse of a positive definite matrix, in its place: they are gigabytes from 12,000 items on."""
    if not len(matrix):
        return matrix
    factor, _ = dpotrf(matrix, lower=True, overwrite_a=True)  # a third of the work of a general inverse
    inverse, _ = dpotri(factor, lower=True, overwrite_c=True)
    for row in range(1, len(inverse)):
        inverse[:row, row] = inverse[row, :row]
    return np.asarray(inverse)
