"""Users whose taste is what other users' histories say of items, for robustness only."""

from dataclasses import dataclass, field

import numpy as np

from agents.behaviors.calibrated import Calibrated
from agents.errors import InvalidInput
from agents.factors import earlier, factors
from agents.features import Features, describe
from agents.schema import Setting


@dataclass
class Latent(Calibrated):
    """Watch and rate as ``calibrated`` does, with items described by co-occurrence in place of content.

    Such users share structure with collaborative recommenders and flatter them: compare rankings
    across families, never rest one on this family alone.
    fit_users: real users that the population part is fitted on, at most.
    selection: correct ratings for selection, that people rate what they chose to watch.
    dimensions: latent factors of an item.
    """

    dimensions: int = field(default=16)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.dimensions <= 256:
            raise InvalidInput(f"dimensions: {self.dimensions} is not between 1 and 256")

    def describe(self, setting: Setting) -> Features:
        """Return latent factors of the items, and the public mean rating.

        The factors are learned from the earlier part of everybody's history alone: on what they were
        made of they would look better than on what comes next, which is what the choice model is fitted to.
        """
        found = factors(earlier(setting.history), len(setting.items), self.dimensions)
        content = describe(setting.items, setting.popularity, setting.mean_rating)
        names = (*(f"factor {place}" for place in range(found.shape[1])), content.names[-1])
        return Features(names, np.ascontiguousarray(np.hstack([found, content.matrix[:, -1:]])))
