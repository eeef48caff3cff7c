"""More of the genres of what one has taken."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from agents.schema import Floats
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Progress, Requests, Scorer, State, silent
from simulator.recommenders.linear import PRIOR, decayed_history


@dataclass
class Content(Scorer):
    """Rank by the cosine of an item's genres with those of the history; a trace of popularity orders equals.

    A catalog without genres leaves popularity alone.
    """

    reference: ClassVar[bool] = True

    _genres: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 0)))
    _prior: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Read the catalog and count; draws nothing."""
        counts, genres = log.counts(len(catalog)), catalog.genre_matrix
        self._genres = genres / np.maximum(np.sqrt(genres.sum(axis=1, keepdims=True)), 1.0)
        self._prior = PRIOR * counts / max(counts.sum(), 1.0)
        progress(1.0, "genres")

    def score(self, requests: Requests) -> Floats:
        """Return the cosines, plus the trace of popularity, which alone serves empty histories."""
        profile = decayed_history(requests, len(self._prior), 1.0).astype(np.float64) @ self._genres
        length = np.sqrt(np.einsum("bg,bg->b", profile, profile))
        cosine = np.einsum("bg,ig->bi", profile, self._genres) / np.maximum(length, 1.0)[:, None]
        return np.asarray(cosine + self._prior)

    def state(self) -> State:
        """Return the genres of items and the prior."""
        return {"genres": self._genres, "prior": self._prior}

    def load_state(self, state: State) -> None:
        """Take over genres and prior."""
        self._genres, self._prior = (np.asarray(state[name], dtype=np.float64) for name in ("genres", "prior"))
