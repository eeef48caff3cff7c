"""Items as points to be quantized: where users put them, where their words do, or both."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import sparse

from agents.embeddings import LENGTH, embedded
from agents.schema import Floats
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import State
from simulator.recommenders.linear import taken

Source = Literal["collaborative", "text", "collaborative_text"]
"""Who takes what together; titles and genres; or each for half of the dimensions."""

POWER_ROUNDS = 6
"""Rounds of subspace iteration; the leading vectors are stable to four digits after as many."""
SPARE = 10
"""Extra directions the iteration carries, so that the last kept ones converge too."""


@dataclass(frozen=True)
class Points:
    """Axes learned from one log and catalog, onto which items of later ones are projected.

    Axes of a source that is not asked for are none.
    """

    together: Floats
    """(items, dimensions): from co-occurrence with these items to coordinates"""
    words: Floats
    """(features, dimensions): from hashed words and genres to coordinates"""

    @staticmethod
    def learned(of: Source, width: int, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> "Points":
        """Return the leading axes, ``width`` in all."""
        told = {"collaborative": 0, "text": width, "collaborative_text": width // 2}[of]
        together = leading_basis(co_occurrence(log, len(catalog)), width - told, rng) if told < width else _none()
        return Points(together, leading_axes(_told(log, catalog), told) if told else _none())

    def place(self, log: Interactions, catalog: Catalog) -> Floats:
        """Return (items, width) coordinates, each source's at the same length; items without any stay at 0."""
        placed = []
        if self.together.size:
            basis = np.zeros((len(catalog), self.together.shape[1]))
            known = min(len(catalog), len(self.together))
            basis[:known] = self.together[:known]
            placed.append(_unit(co_occurrence(log, len(catalog)) @ basis))
        if self.words.size:
            placed.append(_unit(_vectors(catalog) @ self.words))
        return np.concatenate(placed, axis=1) / np.sqrt(len(placed)) if placed else np.zeros((len(catalog), 0))

    def state(self) -> State:
        """Return the axes."""
        return {"together": self.together, "words": self.words}

    @staticmethod
    def of_state(state: State) -> "Points":
        """Return the points that returned this state."""
        return Points(*(np.asarray(state[name], dtype=np.float64) for name in ("together", "words")))


def _none() -> Floats:
    return np.zeros((0, 0))


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def _vectors(catalog: Catalog) -> Floats:
    """Return the (items, features) vectors of titles and genres, at length 1."""
    vectors = embedded(catalog.items, "hashed")
    assert vectors is not None
    return vectors.astype(np.float64) / LENGTH


def _told(log: Interactions, catalog: Catalog) -> Floats:
    return _vectors(catalog)[log.counts(len(catalog)) > 0]


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


def leading_axes(rows: Floats, dimensions: int) -> Floats:
    """Return (features, dimensions): the directions in which rows differ from 0 most; columns beyond them are 0."""
    vectors = np.linalg.eigh(rows.T @ rows)[1][:, ::-1][:, :dimensions]
    return np.pad(vectors, ((0, 0), (0, dimensions - vectors.shape[1])))
