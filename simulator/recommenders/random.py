"""Chance: the reference that no bias can come from."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from agents.schema import PAD, Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Progress, Requests, Scorer, Slates, State, silent
from simulator.seeds import Streams


@dataclass
class Random(Scorer):
    """Show items drawn uniformly without replacement, and log with what probability."""

    reference: ClassVar[bool] = True
    cold: ClassVar[Literal["popularity", "uniform"]] = "uniform"

    _n_items: int = field(init=False, repr=False, default=0)

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Learn how many items there are."""
        self._n_items = len(catalog)
        progress(1.0, "catalog")

    def score(self, requests: Requests) -> Floats:
        """Return uniforms keyed by the request's seed and the item."""
        return Streams(0).uniform("random slate", requests.seed[:, None], np.arange(self._n_items)[None, :])

    def recommend(self, requests: Requests, k: int) -> Slates:
        """Return the k luckiest allowed items; at any position each allowed item had the same probability."""
        slates = super().recommend(requests, k)
        allowed = np.maximum(self._n_items - barred_items(requests, self._n_items), 1)
        propensity = np.where(slates.item_id == PAD, np.nan, -np.log(allowed)[:, None])
        return Slates(slates.item_id, slates.score, propensity, slates.diagnostics)

    def state(self) -> State:
        """Return the size of the catalog."""
        return {"n_items": np.asarray(self._n_items)}

    def load_state(self, state: State) -> None:
        """Take over the size of the catalog."""
        self._n_items = int(state["n_items"])


def barred_items(requests: Requests, n_items: int) -> Ints:
    """Return how many different known items each request excludes."""
    row = np.repeat(np.arange(len(requests)), np.diff(requests.exclude_starts))
    known = (requests.exclude >= 0) & (requests.exclude < n_items)
    cells = np.unique(row[known] * n_items + requests.exclude[known])
    return np.bincount(cells // max(n_items, 1), minlength=len(requests)).astype(np.int64)
