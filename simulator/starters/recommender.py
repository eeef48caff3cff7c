"""A recommender to start from: what was taken together with the items of a history.

Check it:    python run_sim.py check-plugin recommender:Starter
Compare it:  python run_sim.py evaluate --recommender recommender:Starter
Use it:      recommender: {kind: "recommender:Starter", exponent: 0.5}     (in a scenario)

Python must find this file: put its folder on PYTHONPATH, or install it. What a recommender sees, returns and promises
is written in simulator/recommenders/base.py; `Scorer` there turns scores into slates, `Recommender` leaves that to you.
"""

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import Field

from agents.schema import Floats
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Progress, Requests, Scorer, State, silent
from simulator.recommenders.linear import PRIOR, decayed_history, taken


@dataclass
class Starter(Scorer):
    """Count how often items were taken by the same users.

    exponent: counts are divided by the popularity of the item shown to this power.
    """

    # Parameters: annotated in full, with a default, explained above. A scenario sets them by name.
    exponent: Annotated[float, Field(ge=0)] = 0.5
    # What is learned: no parameter, so init=False.
    _weights: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 0)))
    _prior: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Learn from the log; all chance must come from ``rng``."""
        counts = log.counts(len(catalog))
        matrix = taken(log, len(catalog))
        together = (matrix.T @ matrix).toarray()
        np.fill_diagonal(together, 0.0)
        self._weights = together / np.maximum(counts, 1.0) ** self.exponent
        self._prior = PRIOR * counts / max(counts.sum(), 1.0)  # orders items without evidence, serves empty histories
        progress(1.0, "counts")

    def score(self, requests: Requests) -> Floats:
        """Return (requests, items) scores; a row depends on nothing but its own request."""
        evidence = decayed_history(requests, len(self._prior), recency=1.0) @ self._weights
        return np.asarray(evidence + self._prior)

    def state(self) -> State:
        """Return what was learned as arrays; it is saved without pickle."""
        return {"weights": self._weights, "prior": self._prior}

    def load_state(self, state: State) -> None:
        """Take it over again."""
        self._weights, self._prior = np.asarray(state["weights"]), np.asarray(state["prior"])
