"""Customers who buy the nearest of the products they have heard of."""

from dataclasses import dataclass, field

import numpy as np

from agents.behaviors.base import Behavior
from agents.conduct import Conduct
from agents.errors import InvalidInput
from agents.pairs import Pairs
from agents.schema import PAD, DecidedBy, Decisions, Floats, Ints, Pages, Setting

NEAREST = 1e-6
"""Distances are at least this, so that their logarithm is finite."""
DAY = 1440.0


@dataclass
class Awareness(Behavior):
    """Buy one of the products known of, by logit on a map of tastes (Fleder & Hosanagar, Management Science 2009).

    Users and items are standard normal points of a map, drawn by the scenario's seed. A user has heard of an item from
    the start with chance central x exp(-|item|^2 / reach) + (1 - central) x exp(-3 |user - item|^2 / reach), and of
    whatever it was once recommended. Utility is -sharpness x log distance, and ``salience`` more for what is
    recommended now: the first positions of the page, the rest of which is the store's list.

    dimensions: of the map.
    central: share of awareness that is due to an item's place at the center of the market.
    reach: squared distance from the center at which that awareness has fallen to 1/e; from the user, a third of it.
    sharpness: how fast utility falls with the logarithm of distance.
    salience: what being recommended adds to utility.
    recommended: positions of the page that are recommendations (0: none are).
    begins: day from which positions are.
    """

    dimensions: int = 2
    central: float = 0.75
    reach: float = 0.35
    sharpness: float = 10.0
    salience: float = 5.0
    recommended: int = 1
    begins: float = 0.0
    _conduct: Conduct = field(init=False, repr=False)
    _users: Floats = field(init=False, repr=False)
    _items: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.dimensions >= 1 and 0 <= self.central <= 1 and self.reach > 0):
            raise InvalidInput(
                f"dimensions {self.dimensions}, central {self.central}, reach {self.reach}: dimensions are at least 1, "
                "central is between 0 and 1, reach above 0"
            )

    def prepare(self, setting: Setting) -> None:
        """Draw the map."""
        self._conduct = Conduct.of(setting)
        axis = np.arange(self.dimensions)
        self._users = setting.draws.normal("map user", np.arange(len(setting.personas))[:, None], axis)
        self._items = setting.draws.normal("map item", np.arange(len(setting.items))[:, None], axis)

    def appeal(self, pairs: Pairs) -> Floats:
        """Return the utility of items, heard of or not."""
        return -self.sharpness * np.log(np.maximum(self._distance(pairs.user_id, pairs.item_id), NEAREST))

    def respond(self, pages: Pages) -> Decisions:
        """Buy one of the products known of."""
        user = np.broadcast_to(pages.user_id[:, None], pages.item_id.shape)
        there, position = pages.item_id != PAD, np.arange(pages.item_id.shape[1])
        recommended = (position < self.recommended) & (pages.now >= self.begins * DAY)[:, None]
        distance = self._distance(user, pages.item_id)
        chance = self.central * np.exp(-np.square(self._items).sum(axis=1)[pages.item_id] / self.reach)
        chance = chance + (1 - self.central) * np.exp(-3 * np.square(distance) / self.reach)
        heard = self._conduct.draws.uniform("heard of", user, pages.item_id) < chance
        known = there & (heard | recommended | (pages.exposures > 0))
        utility = -self.sharpness * np.log(np.maximum(distance, NEAREST)) + self.salience * recommended
        utility = np.where(known, utility + self._conduct.whim(pages), -np.inf)
        return self._conduct.choose(pages, utility, DecidedBy.RULE)

    def _distance(self, user: Ints, item: Ints) -> Floats:
        return np.asarray(np.sqrt(np.square(self._users[user] - self._items[item]).sum(axis=-1)))
