"""Users who follow the tastes of their persona, nothing fitted."""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit, logit

from agents.behaviors.base import Behavior
from agents.conduct import Conduct
from agents.errors import InvalidInput
from agents.match import Match
from agents.pairs import Pairs
from agents.schema import DecidedBy, Decisions, Floats, Pages, Setting


@dataclass
class Affinity(Behavior):
    """Watch what matches the persona's tastes: P = sigmoid(logit(base rate) + strength x match).

    strength: weight of the match, the mean taste for the item's genres (0 for an average genre).
    """

    strength: float = 1.5
    _conduct: Conduct = field(init=False, repr=False)
    _match: Match = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.strength < float("inf"):
            raise InvalidInput(f"strength: {self.strength} is not a number from 0 on")

    def prepare(self, setting: Setting) -> None:
        """Read the personas' tastes."""
        self._conduct = Conduct.of(setting)
        self._match = Match.of(setting)

    def appeal(self, pairs: Pairs) -> Floats:
        """Return how well items match tastes."""
        return self._match(pairs)

    def respond(self, pages: Pages) -> Decisions:
        """Watch and rate by taste alone."""
        seen = self._conduct.seen(pages)
        match = self._match(seen)
        probability = expit(logit(self._conduct.choices.base_rate) + self.strength * match)
        watched = self._conduct.takes(seen, np.asarray(probability))
        rating = self._conduct.rate(seen.only(watched), 0.5 * match[watched])
        return self._conduct.decisions(pages, seen, watched, rating, DecidedBy.RULE)
