"""Where items lie: vectors, popularity, strata and genres, learned from real users who are not compared."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

from agents.schema import Floats, Ints
from analysis.metrics.strata import bands

if TYPE_CHECKING:
    from simulator.catalog import Catalog, Interactions

DIMENSIONS = 16


@dataclass(frozen=True)
class Space:
    """What is known of every item; arrays have a row per item.

    ``vectors`` are unit vectors, zero for items nobody took. ``year`` is NaN where unknown.
    """

    vectors: Floats
    popularity: Floats
    band: Ints
    genres: Floats
    year: Floats

    @staticmethod
    def of(known: "Interactions", catalog: "Catalog") -> "Space":
        """Return the space of these users' interactions.

        Vectors are the right singular vectors of the (users, items) 0/1 matrix, times the singular values, scaled to
        length 1 per item.
        """
        n_items, popularity = len(catalog), known.counts(len(catalog))
        return Space(
            _vectors(taken(known, n_items)),
            popularity,
            bands(popularity),
            catalog.genre_matrix / np.maximum(catalog.genre_matrix.sum(axis=1, keepdims=True), 1.0),
            np.array([np.nan if item.year is None else float(item.year) for item in catalog.items]),
        )


def taken(log: "Interactions", n_items: int) -> csr_array:
    """Return the (users, items) 0/1 matrix of who took what, users in ascending order of id."""
    row = np.unique(log.user_id, return_inverse=True)[1]
    matrix = csr_array((np.ones(len(log)), (row, log.item_id)), shape=(int(row.max(initial=-1)) + 1, n_items))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _vectors(matrix: csr_array) -> Floats:
    size = min(DIMENSIONS, min(matrix.shape) - 1)
    if size < 1:
        return np.zeros((matrix.shape[1], 1))
    _, strength, directions = svds(matrix, k=size, v0=np.ones(min(matrix.shape)))
    vectors = directions.T * strength
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.where(length > 1e-9, vectors / np.maximum(length, 1e-9), 0.0))
