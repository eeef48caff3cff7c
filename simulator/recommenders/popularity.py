"""What most people took."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from agents.schema import Floats
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Progress, Requests, Scorer, State, silent
from simulator.scenario import Duration


@dataclass
class Popularity(Scorer):
    """Show everyone the most taken items.

    half_life: age at which an interaction counts half (none: all count alike).
    """

    reference: ClassVar[bool] = True

    half_life: Duration | None = None
    _counts: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Count interactions, weighted by age at the newest one; draws nothing."""
        weight = None
        if self.half_life is not None and len(log):
            weight = 0.5 ** ((log.time.max() - log.time) / self.half_life)
        self._counts = np.bincount(log.item_id, weight, minlength=len(catalog)).astype(np.float64)
        progress(1.0, "counts")

    def score(self, requests: Requests) -> Floats:
        """Return the counts, the same for every request."""
        return np.tile(self._counts, (len(requests), 1))

    def state(self) -> State:
        """Return the counts."""
        return {"counts": self._counts}

    def load_state(self, state: State) -> None:
        """Take over the counts."""
        self._counts = np.asarray(state["counts"], dtype=np.float64)
