"""What a platform without a recommender would show."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from agents.schema import PAD, Floats
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import (
    CELLS,
    CHUNK,
    Progress,
    Recommender,
    Requests,
    Slates,
    State,
    diagnostics,
    silent,
    top_k,
)
from simulator.seeds import Streams


@dataclass
class NoRecommender(Recommender):
    """Show items drawn in proportion to their organic popularity: the counts before the simulation began.

    What simulated users do never enters, however often it is refitted, so no loop can close. Items are drawn one after
    another without replacement, by Gumbel top-k (Kool et al., ICML 2019); the propensity logged is the chance of each
    among those not drawn before it. Items that nobody had taken are never shown.
    """

    reference: ClassVar[bool] = True
    cold: ClassVar[Literal["popularity", "uniform"]] = "uniform"
    new_items: ClassVar[Literal["scored", "invisible"]] = "invisible"

    _counts: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Count what real users took; draws nothing."""
        self._counts = log.take(~log.is_synthetic).counts(len(catalog))
        progress(1.0, "counts")

    def recommend(self, requests: Requests, k: int) -> Slates:
        """Return k of the allowed items in the order they were drawn."""
        size = max(CHUNK, CELLS // max(len(self._counts), 1))
        parts = [
            self._drawn(requests.part(first, min(first + size, len(requests))), k)
            for first in range(0, max(len(requests), 1), size)
        ]
        items, scores, logged = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return Slates(items, scores, logged, diagnostics(items))

    def _drawn(self, requests: Requests, k: int) -> tuple[np.ndarray, Floats, Floats]:
        n, rows = len(self._counts), np.arange(len(requests))
        with np.errstate(divide="ignore"):
            logit = np.tile(np.log(self._counts), (len(requests), 1))
        uniform = Streams(0).uniform("no recommender", requests.seed[:, None], np.arange(n)) + 2.0**-54
        items, noisy = top_k(logit - np.log(-np.log(uniform)), requests, k)
        weight = np.where(items == PAD, 0.0, np.append(self._counts, 0.0)[items])
        barred = np.repeat(rows, np.diff(requests.exclude_starts))
        known = (requests.exclude >= 0) & (requests.exclude < n)
        out = np.unique(barred[known] * n + requests.exclude[known])
        rest = self._counts.sum() - np.bincount(out // max(n, 1), self._counts[out % max(n, 1)], minlength=len(rows))
        left = rest[:, None] - np.cumsum(weight, axis=1) + weight
        with np.errstate(divide="ignore", invalid="ignore"):
            logged = np.where(items == PAD, np.nan, np.log(weight / left))
        return items, noisy, logged

    def state(self) -> State:
        """Return the counts."""
        return {"counts": self._counts}

    def load_state(self, state: State) -> None:
        """Take over the counts."""
        self._counts = np.asarray(state["counts"], dtype=np.float64)
