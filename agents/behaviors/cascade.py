"""Users who read down the page and stop at the first item that attracts them."""

from dataclasses import dataclass, field

import numpy as np

from agents.behaviors.base import Behavior
from agents.conduct import Conduct
from agents.errors import InvalidInput
from agents.match import Match
from agents.pairs import Pairs
from agents.schema import Bools, DecidedBy, Decisions, Floats, Ints, Pages, Setting


@dataclass
class Cascade(Behavior):
    """Follow the cascade click model (Craswell et al. 2008): one watch a page, nothing read below it.

    attraction: chance that an item of average match, once read, is watched; the match multiplies
    it by e^match, up to 1.
    """

    attraction: float = 0.1
    _conduct: Conduct = field(init=False, repr=False)
    _match: Match = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.attraction <= 1:
            raise InvalidInput(f"attraction: {self.attraction} is not between 0 and 1")

    def prepare(self, setting: Setting) -> None:
        """Read the personas' tastes."""
        self._conduct = Conduct.of(setting)
        self._match = Match.of(setting)

    def appeal(self, pairs: Pairs) -> Floats:
        """Return how well items match tastes."""
        return self._match(pairs)

    def respond(self, pages: Pages) -> Decisions:
        """Watch the first attractive item, and stop there."""
        seen = self._conduct.seen(pages)
        match = self._match(seen)
        attractive = self._conduct.takes(seen, np.minimum(self.attraction * np.exp(match), 1.0))
        reached = _up_to_first(seen.page, attractive)
        seen, match, watched = seen.only(reached), match[reached], attractive[reached]
        rating = self._conduct.rate(seen.only(watched), 0.5 * match[watched])
        return self._conduct.decisions(pages, seen, watched, rating, DecidedBy.RULE)


def _up_to_first(page: Ints, attractive: Bools) -> Bools:
    """Tell which pairs, in the order of pages and positions, no attractive one of the same page precedes."""
    before: Ints = np.cumsum(attractive) - attractive
    return np.asarray(before == before[np.searchsorted(page, page)])
