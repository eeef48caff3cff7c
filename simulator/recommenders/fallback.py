"""A visible filler for the short lists of another recommender."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from agents.schema import PAD
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Progress, Recommender, Requests, Slates, State, silent, under
from simulator.recommenders.popularity import Popularity


@dataclass
class Fallback(Recommender):
    """Fill what another recommender leaves empty, and count what was filled.

    Filled places have neither score nor propensity; the diagnostic ``filled`` counts them.

    inner: the recommender whose short lists are filled.
    filler: the recommender that fills them.
    """

    warm: ClassVar[bool] = True  # parts that cannot continue from a state fit afresh, as they always do

    inner: Recommender
    filler: Recommender = field(default_factory=Popularity)

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Fit both."""
        self.inner.fit(log, catalog, rng=rng, progress=lambda share, what: progress(0.9 * share, what))
        self.filler.fit(log, catalog, rng=rng, progress=lambda share, what: progress(0.9 + 0.1 * share, what))

    def recommend(self, requests: Requests, k: int) -> Slates:
        """Return the inner slates, their empty places filled in the filler's order."""
        slates = self.inner.recommend(requests, k)
        short = np.flatnonzero((slates.item_id == PAD).any(axis=1))
        if not len(short):
            return Slates(slates.item_id, slates.score, slates.log_propensity, {**slates.diagnostics, "filled": 0.0})
        items = slates.item_id.copy()
        offers = self.filler.recommend(requests, k).item_id
        for row in short:
            fresh = offers[row][~np.isin(offers[row], items[row])]
            empty = np.flatnonzero(items[row] == PAD)[: len(fresh)]
            items[row, empty] = fresh[: len(empty)]
        filled = float((items != slates.item_id).sum())
        counts = {"short_lists": float((items == PAD).any(axis=1).sum()), "filled": filled}
        return Slates(items, slates.score, slates.log_propensity, {**slates.diagnostics, **counts})

    def update(self, events: Interactions) -> None:
        """Pass the events on to both."""
        self.inner.update(events)
        self.filler.update(events)

    def state(self) -> State:
        """Return both states under their prefixes."""
        inner = {f"inner.{name}": value for name, value in self.inner.state().items()}
        return inner | {f"filler.{name}": value for name, value in self.filler.state().items()}

    def load_state(self, state: State) -> None:
        """Hand both their states."""
        self.inner.load_state(under("inner.", state))
        self.filler.load_state(under("filler.", state))
