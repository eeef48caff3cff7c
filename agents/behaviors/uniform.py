"""Users without any taste."""

from dataclasses import dataclass, field

import numpy as np

from agents.behaviors.base import Behavior
from agents.conduct import Conduct
from agents.errors import InvalidInput
from agents.schema import DecidedBy, Decisions, Pages, Setting


@dataclass
class Uniform(Behavior):
    """Watch each item read with one and the same probability.

    probability: chance that an item read for the first time is watched.
    """

    probability: float = 0.1
    _conduct: Conduct = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.probability <= 1:
            raise InvalidInput(f"probability: {self.probability} is not between 0 and 1")

    def prepare(self, setting: Setting) -> None:
        """Take up the declared assumptions."""
        self._conduct = Conduct.of(setting)

    def respond(self, pages: Pages) -> Decisions:
        """Ignore what the items are."""
        seen = self._conduct.seen(pages)
        watched = self._conduct.takes(seen, np.full(len(seen.cell), self.probability))
        rating = self._conduct.rate(seen.only(watched), np.zeros(np.count_nonzero(watched)))
        return self._conduct.decisions(pages, seen, watched, rating, DecidedBy.RULE)
