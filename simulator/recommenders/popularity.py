"""What most people took."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from agents.schema import PAD, Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.allowed import Allowed
from simulator.recommenders.base import Progress, Requests, Scorer, Slates, State, diagnostics, silent
from simulator.scenario import Duration


@dataclass
class Popularity(Scorer):
    """Show everyone the most taken items, or those around another quantile of popularity.

    half_life: age at which an interaction counts half (none: all count alike).
    quantile: of popularity, of what is shown first, the nearest following (1: the most taken; .5: the median item).
    """

    reference: ClassVar[bool] = True

    half_life: Duration | None = None
    quantile: Annotated[float, Field(ge=0, le=1)] = 1.0
    _counts: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))
    _order: Ints = field(init=False, repr=False, default_factory=lambda: np.full(1, PAD))
    _falling: Floats = field(init=False, repr=False, default_factory=lambda: np.full(1, np.nan))
    _place: Ints = field(init=False, repr=False, default_factory=lambda: np.zeros(0, dtype=np.int64))

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Count interactions, weighted by age at the newest one; draws nothing."""
        weight = None
        if self.half_life is not None and len(log):
            weight = 0.5 ** ((log.time.max() - log.time) / self.half_life)
        self._rank(np.bincount(log.item_id, weight, minlength=len(catalog)).astype(np.float64))
        progress(1.0, "counts")

    def score(self, requests: Requests) -> Floats:
        """Return the counts (or how near items are to the quantile), the same for every request."""
        return np.tile(self._falling[self._place], (len(requests), 1))

    def recommend(self, requests: Requests, k: int) -> Slates:
        """Return the first k allowed items of the one order there is: what ``score`` would give, for less."""
        place = Allowed.of(requests, self._place).places(np.arange(k))
        items, scores = self._order[place], self._falling[place]
        return Slates(items, scores, np.full_like(scores, np.nan), diagnostics(items))

    def state(self) -> State:
        """Return the counts."""
        return {"counts": self._counts}

    def load_state(self, state: State) -> None:
        """Take over the counts."""
        self._rank(np.asarray(state["counts"], dtype=np.float64))

    def _rank(self, counts: Floats) -> None:
        """Keep the counts, items and scores from first to last (ties by item id), and each item's place there.

        What stands at PAD, the last place of an array, ends both: no item, no score.
        """
        order = np.argsort(-counts, kind="stable")
        score = counts[order]
        if self.quantile < 1:
            away = np.abs(np.arange(len(order)) - (1 - self.quantile) * (len(order) - 1))
            nearest = np.argsort(away, kind="stable")
            order, score = order[nearest], -away[nearest]
        self._counts = counts
        self._order, self._falling = np.append(order, PAD), np.append(score, np.nan)
        self._place = np.empty_like(order)
        self._place[order] = np.arange(len(order))
