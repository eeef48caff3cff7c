"""Users who take what stands high, whatever it is."""

from dataclasses import dataclass, field

import numpy as np

from agents.behaviors.base import Behavior
from agents.conduct import Conduct
from agents.errors import InvalidInput
from agents.schema import PAD, DecidedBy, Decisions, Pages, Setting


@dataclass
class Positional(Behavior):
    """Take one item of each page by its position alone, with probability in proportion to exp(-decay x position).

    decay: fall of the log probability from one position to the next (0: all alike).
    """

    decay: float = 0.1
    _conduct: Conduct = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.decay < float("inf"):
            raise InvalidInput(f"decay: {self.decay} is not a number from 0 on")

    def prepare(self, setting: Setting) -> None:
        """Take up the declared assumptions."""
        self._conduct = Conduct.of(setting)

    def respond(self, pages: Pages) -> Decisions:
        """Read the whole page and take one item of it."""
        position = np.arange(1, pages.item_id.shape[1] + 1)
        utility = np.where(pages.item_id != PAD, -self.decay * position, -np.inf)
        return self._conduct.choose(pages, utility + self._conduct.whim(pages), DecidedBy.RULE)
