"""Users who know what they like and take the best of what they get to see."""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import gammaincinv

from agents.behaviors.base import Behavior
from agents.conduct import Conduct
from agents.errors import InvalidInput
from agents.pairs import Pairs
from agents.schema import PAD, DecidedBy, Decisions, Floats, Ints, Pages, Setting
from agents.traits import genre_matrix

LEAST = 1e-9
"""Utility of what a user does not care for at all: it would still rather have it high on the page."""


@dataclass
class Attentive(Behavior):
    """Take the item of most utility x position^-attention from each page (Chaney et al., RecSys 2018).

    Utility is the mean of the user's preferences for the item's genres, which are drawn once: a Dirichlet draw around
    everybody's mean preferences, itself drawn from a flat Dirichlet distribution.

    attention: how fast attention falls with position.
    likeness: concentration of preferences around everybody's (larger: users are more alike).
    """

    attention: float = 0.8
    likeness: float = 10.0
    _conduct: Conduct = field(init=False, repr=False)
    _utility: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 <= self.attention < float("inf") and 0 < self.likeness < float("inf")):
            raise InvalidInput(f"attention {self.attention}, likeness {self.likeness}: from 0 on, and above 0")

    def prepare(self, setting: Setting) -> None:
        """Draw preferences, and see what items are worth by them."""
        self._conduct = Conduct.of(setting)
        names, member = genre_matrix(setting.items)
        share = member / np.maximum(member.sum(axis=1, keepdims=True), 1.0)
        genre = np.arange(len(names))
        mean = -np.log(setting.draws.uniform("everybody's preference", genre) + 2.0**-54)
        mean = mean / max(mean.sum(), LEAST)
        draw = setting.draws.uniform("preference", np.arange(len(setting.personas))[:, None], genre)
        own = gammaincinv(np.maximum(self.likeness * mean, LEAST), draw)
        own = own / np.maximum(own.sum(axis=1, keepdims=True), LEAST)
        self._utility = np.maximum(np.einsum("ug,ig->ui", own, share), LEAST)

    def appeal(self, pairs: Pairs) -> Floats:
        """Return utilities."""
        return np.asarray(self._utility[pairs.user_id, pairs.item_id])

    def respond(self, pages: Pages) -> Decisions:
        """Weigh the whole page and take the best of it."""
        user: Ints = np.broadcast_to(pages.user_id[:, None], pages.item_id.shape)
        position = np.arange(1, pages.item_id.shape[1] + 1)
        worth = np.log(self._utility[user, pages.item_id]) - self.attention * np.log(position)
        return self._conduct.choose(pages, np.where(pages.item_id != PAD, worth, -np.inf), DecidedBy.RULE)
