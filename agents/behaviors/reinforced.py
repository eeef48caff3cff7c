"""Users whose interests grow with what they click and shrink with what they pass over."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from scipy.special import expit

from agents.behaviors.base import Behavior
from agents.conduct import Conduct
from agents.errors import InvalidInput
from agents.pairs import Pairs
from agents.schema import DecidedBy, Decisions, Floats, Ints, Pages, Setting


@dataclass
class Reinforced(Behavior):
    """Click with chance sigmoid(interest), which clicks raise and passes lower by a step (Jiang et al., AIES 2019).

    The interest of each user in each item begins as a normal number of its own. As the paper has it, chance decides
    anew each time and showing again does not tire (``choice.pi`` 0, ``choice.eta`` 1).

    spread: standard deviation of first interests.
    step: change of an interest.
    """

    asks_watches: ClassVar[bool] = True

    spread: float = 1.0
    step: float = 0.01
    _conduct: Conduct = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 <= self.spread < float("inf") and 0 <= self.step < float("inf")):
            raise InvalidInput(f"spread {self.spread}, step {self.step}: both are numbers from 0 on")

    def prepare(self, setting: Setting) -> None:
        """Take up the declared assumptions."""
        self._conduct = Conduct.of(setting)

    def appeal(self, pairs: Pairs) -> Floats:
        """Return first interests."""
        return self._first(pairs.user_id, pairs.item_id)

    def respond(self, pages: Pages) -> Decisions:
        """Click by what has become of interests."""
        seen = self._conduct.seen(pages)
        assert pages.watches is not None
        clicks = pages.watches.ravel().take(seen.cell)
        interest = self._first(seen.user_id, seen.item_id) + self.step * (2 * clicks - seen.exposures)
        watched = self._conduct.takes(seen, np.asarray(expit(interest)))
        rating = self._conduct.rate(seen.only(watched), np.zeros(np.count_nonzero(watched)))
        return self._conduct.decisions(pages, seen, watched, rating, DecidedBy.RULE)

    def _first(self, user: Ints, item: Ints) -> Floats:
        return self.spread * self._conduct.draws.normal("interest", user, item)
