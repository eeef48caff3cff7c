"""What nobody's platform can do: rank by what users really want."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from agents.errors import InvalidInput
from agents.schema import Floats
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Progress, Requests, Scorer, State, silent


@dataclass
class Oracle(Scorer):
    """Rank by the true utility of the simulated users: a bound for studies, not a recommender anyone can run.

    It knows taste and the pull of popularity as of the last refit, not the chance that decides beside them.
    """

    knows_truth: ClassVar[bool] = True
    cold: ClassVar[Literal["popularity", "uniform", "personal"]] = "personal"

    _counts: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Count what was taken, which draws people too; draws nothing."""
        self._counts = log.counts(len(catalog))
        progress(1.0, "counts")

    def score(self, requests: Requests) -> Floats:
        """Return the users' own utilities; raise InvalidInput where there are no simulated users to ask."""
        if self.truth is None:
            raise InvalidInput("recommender oracle asks simulated users what they want; use it in a run or a study")
        return self.truth.appeal(requests.user_id, self._counts)

    def state(self) -> State:
        """Return the counts; the truth is the world's."""
        return {"counts": self._counts}

    def load_state(self, state: State) -> None:
        """Take over the counts."""
        self._counts = np.asarray(state["counts"], dtype=np.float64)
