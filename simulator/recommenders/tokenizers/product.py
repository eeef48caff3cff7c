"""IDs by product quantization of who-takes-what-together."""

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy import sparse

from agents.schema import Floats, Ints
from simulator.catalog import Interactions
from simulator.recommenders.base import State
from simulator.recommenders.linear import taken
from simulator.recommenders.tokenizers.base import NO_CODE, Tokenizer

POWER_ROUNDS = 6
"""Rounds of subspace iteration; the leading vectors are stable to four digits after as many."""
SPARE = 10
"""Extra directions the iteration carries, so that the last kept ones converge too."""
LLOYD_ROUNDS = 25


@dataclass
class Product(Tokenizer):
    """Cut a co-occurrence embedding into equal parts and cluster each (Jegou et al., PAMI 2011; RPG, KDD 2025).

    digits: codes per item, one per part.
    codes: clusters per part.
    width: dimensions per part; the embedding has digits x width.
    """

    digits: Annotated[int, Field(ge=1)] = 16
    codes: Annotated[int, Field(ge=2)] = 32
    width: Annotated[int, Field(ge=1)] = 2
    _basis: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 0)))
    _centers: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 0, 0)))

    def fit(self, log: Interactions, n_items: int, rng: np.random.Generator) -> None:
        """Learn the embedding's basis and the cluster centers from the log alone."""
        self._basis = leading_basis(co_occurrence(log, n_items), self.digits * self.width, rng)
        parts = self._parts(log, n_items)
        self._centers = cluster(parts[:, log.counts(n_items) > 0], self.codes, rng)

    def encode(self, log: Interactions, n_items: int, rng: np.random.Generator) -> Ints:
        """Return the nearest center of each part; items that came after the fit are projected into its basis."""
        codes = nearest(self._parts(log, n_items), self._centers).T
        return np.where(log.counts(n_items)[:, None] > 0, codes, NO_CODE)

    def _parts(self, log: Interactions, n_items: int) -> Floats:
        """Return the (digits, items, width) parts of the unit-length embeddings."""
        basis = np.zeros((n_items, self._basis.shape[1]))
        known = min(n_items, len(self._basis))
        basis[:known] = self._basis[:known]
        embedding = co_occurrence(log, n_items) @ basis
        embedding /= np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1e-12)
        return np.ascontiguousarray(embedding.reshape(n_items, self.digits, self.width).transpose(1, 0, 2))

    def state(self) -> State:
        """Return basis and centers."""
        return {"basis": self._basis, "centers": self._centers}

    def load_state(self, state: State) -> None:
        """Take over basis and centers."""
        self._basis, self._centers = (np.asarray(state[name], dtype=np.float64) for name in ("basis", "centers"))


def co_occurrence(log: Interactions, n_items: int) -> sparse.csr_array:
    """Return how many users took both items, divided by the root of both items' sums; diagonal 0."""
    matrix = taken(log, n_items)
    together = sparse.csr_array(matrix.T @ matrix)
    together.setdiag(0)
    scale = sparse.diags_array(1 / np.sqrt(np.maximum(together.sum(axis=1), 1.0)))
    return sparse.csr_array(scale @ together @ scale)


def leading_basis(matrix: sparse.csr_array, dimensions: int, rng: np.random.Generator) -> Floats:
    """Return (items, dimensions) such that ``matrix @ basis`` are the leading eigenvectors times root eigenvalues.

    Randomized subspace iteration (Halko et al. 2011); columns the matrix has no rank for are 0.
    """
    found = rng.standard_normal((matrix.shape[0], dimensions + SPARE))
    for _ in range(POWER_ROUNDS):
        found = np.linalg.qr(matrix @ found)[0]
    values, vectors = np.linalg.eigh(found.T @ (matrix @ found))
    kept = np.argsort(-np.abs(values), kind="stable")[:dimensions]
    kept = kept[np.abs(values[kept]) > 1e-9]
    basis = np.zeros((matrix.shape[0], dimensions))
    basis[:, : len(kept)] = found @ vectors[:, kept] / np.sqrt(np.abs(values[kept]))
    return basis


def cluster(parts: Floats, codes: int, rng: np.random.Generator) -> Floats:
    """Return (digits, codes, width) centers by k-means from k-means++ starts, every digit on its own."""
    if not parts.shape[1]:
        return np.zeros((len(parts), codes, parts.shape[2]))
    centers = spread_starts(parts, codes, rng)
    for _ in range(LLOYD_ROUNDS):
        member = nearest(parts, centers)
        for digit, points in enumerate(parts):
            size = np.bincount(member[digit], minlength=codes)
            for column in range(points.shape[1]):
                total = np.bincount(member[digit], points[:, column], minlength=codes)
                centers[digit, size > 0, column] = total[size > 0] / size[size > 0]
    return centers


def spread_starts(parts: Floats, codes: int, rng: np.random.Generator) -> Floats:
    """Return points drawn with probability proportional to the squared distance to the nearest drawn before.

    Where fewer different points exist than codes, the rest repeat points and stay unused.
    """
    digits, n, width = parts.shape
    centers = np.empty((digits, codes, width))
    for digit, points in enumerate(parts):
        away = np.ones(n)
        for code in range(codes):
            cumulative = np.cumsum(away)
            drawn = np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")
            centers[digit, code] = points[min(int(drawn), n - 1)]
            gap = ((points - centers[digit, code]) ** 2).sum(axis=1)
            away = gap if code == 0 else np.minimum(away, gap)
    return centers


def nearest(parts: Floats, centers: Floats) -> Ints:
    """Return (digits, items): the index of the nearest center, the lowest where two are equally near."""
    return np.stack(
        [
            ((points[:, None] - of[None]) ** 2).sum(axis=2).argmin(axis=1)
            for points, of in zip(parts, centers, strict=True)
        ]
    ).astype(np.int64)
