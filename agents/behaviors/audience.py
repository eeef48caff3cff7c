"""Users who like some items and not others, and click what they like where they look."""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtri

from agents.behaviors.base import Behavior
from agents.conduct import Conduct
from agents.errors import InvalidInput
from agents.pairs import Pairs
from agents.schema import PAD, Bools, DecidedBy, Decisions, Floats, Ints, Pages, Setting


@dataclass
class Audience(Behavior):
    """Click what one likes where one looks, at a position with chance 1 / log2(position + 1) (Zhu et al., KDD 2021).

    Whether a user likes an item is settled for good: where the product of their factors, normal and scaled to
    variance 1, plus the item's general appeal exceeds what leaves a share ``liked`` of all pairs. Appeal makes
    audiences differ in size.

    liked: share of all pairs of users and items in which the user likes the item.
    factors: numbers that describe a taste.
    imbalance: standard deviation of appeal, in standard deviations of taste.
    position_bias: power of the chance to look at a position (0: users look at all).
    """

    liked: float = 0.1
    factors: int = 8
    imbalance: float = 1.0
    position_bias: float = 1.0
    _conduct: Conduct = field(init=False, repr=False)
    _users: Floats = field(init=False, repr=False)
    _items: Floats = field(init=False, repr=False)
    _appeal: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 < self.liked < 1 and self.factors >= 1 and self.imbalance >= 0 and self.position_bias >= 0):
            raise InvalidInput(
                f"liked {self.liked}, factors {self.factors}, imbalance {self.imbalance}, position_bias "
                f"{self.position_bias}: liked is between 0 and 1, factors at least 1, the others from 0 on"
            )

    def prepare(self, setting: Setting) -> None:
        """Draw tastes and appeal."""
        self._conduct = Conduct.of(setting)
        axis, item = np.arange(self.factors), np.arange(len(setting.items))
        scale = self.factors**-0.5
        self._users = scale * setting.draws.normal("taste of user", np.arange(len(setting.personas))[:, None], axis)
        self._items = setting.draws.normal("taste of item", item[:, None], axis)
        spread = np.sqrt(1 + self.imbalance**2)
        self._appeal = self.imbalance * setting.draws.normal("appeal", item) - spread * ndtri(1 - self.liked)

    def appeal(self, pairs: Pairs) -> Floats:
        """Return how far an item is liked (above 0) or not."""
        return self._liking(pairs.user_id, pairs.item_id)

    def respond(self, pages: Pages) -> Decisions:
        """Look at some positions and click what is liked there."""
        position = np.arange(1, pages.item_id.shape[1] + 1)
        draw = self._conduct.draws.uniform("look", pages.user_id[:, None], pages.decision[:, None], position)
        looked: Bools = (draw <= np.log2(position + 1.0) ** -self.position_bias) & (pages.item_id != PAD)
        seen = Pairs.of(pages, looked)
        likes = (self._liking(seen.user_id, seen.item_id) > 0) & ("watch" in self._conduct.choices.able)
        if "skip" not in self._conduct.choices.able:
            seen, likes = seen.only(likes), likes[likes]
        rating = self._conduct.rate(seen.only(likes), np.zeros(np.count_nonzero(likes)))
        return self._conduct.decisions(pages, seen, likes, rating, DecidedBy.RULE)

    def _liking(self, user: Ints, item: Ints) -> Floats:
        taste = np.einsum("pf,pf->p", self._users[user], self._items[item])
        return np.asarray(taste + self._appeal[item])
