"""Positions given away to chance, with the chance on record."""

from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from agents.schema import PAD, Bools, Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.levers.reranked import Offers, Reranking
from simulator.recommenders.allowed import Allowed
from simulator.recommenders.base import Recommender, Requests, Slates, State
from simulator.recommenders.random import drawn
from simulator.scenario import Duration
from simulator.seeds import Streams


@dataclass
class Exploration(Reranking):
    """Replace each position of the slate, by its own draw, with an allowed item drawn uniformly.

    Drawn are different items from all that the recommender can show and the slate does not keep, replaced ones among
    them, so that at strength 1 slates are uniform. They have no score. The propensity logged is the chance of the item
    at its position over all draws: of its own one, of the other positions', and of the item's.

    strength: chance of each position to be given away.
    until: time at which exploring ends; null: never.
    """

    strength: Annotated[float, Field(ge=0, le=1)]
    until: Duration | None = None
    pool: int = field(init=False, repr=False, default=1)

    def learn(self, recommender: Recommender, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> State:
        """Return the items that can be shown, ascending, and the catalog's size."""
        every = np.arange(len(catalog))
        can = every if recommender.new_items == "scored" else np.flatnonzero(log.counts(len(catalog)))
        return {"can": can, "n_items": np.array(len(catalog))}

    def choose(self, offers: Offers, k: int) -> Slates:
        """Return the slates with some positions given away."""
        can = np.asarray(offers.known["can"], dtype=np.int64)
        allowed = Allowed.of(_numbered(offers, can), np.arange(len(can)))
        seed, filled = offers.requests.seed, offers.there.sum(axis=1)
        exploring = offers.requests.now < (np.inf if self.until is None else self.until)
        given = Streams(0).uniform("exploration", seed[:, None], np.arange(k)) < self.strength
        away = offers.there & given & exploring[:, None]
        fresh = allowed.places(drawn(seed, np.minimum(allowed.count, len(can)), k))
        items = _given(offers.item, away, np.append(can, PAD)[fresh])
        there = items != PAD
        logged = np.log(_propensity(items, offers.item, filled, allowed.count, self.strength))
        logged = np.where(exploring[:, None], logged, 0.0)
        score = np.where(away & there, np.nan, offers.slates.score)
        return Slates(items, score, np.where(there, logged, np.nan), offers.slates.diagnostics)


def _numbered(offers: Offers, can: Ints) -> Requests:
    """Return the requests with exclusions numbered among the items that can be shown; others exclude nothing."""
    n, exclude = int(offers.known["n_items"]), offers.requests.exclude
    number = np.full(n + 1, PAD)
    number[can] = np.arange(len(can))
    return replace(offers.requests, exclude=number[np.where((exclude >= 0) & (exclude < n), exclude, n)])


def _given(items: Ints, away: Bools, fresh: Ints) -> Ints:
    """Return the slates whose places ``away`` hold, in order, the fresh items that no other place holds.

    Of as many different fresh items as the slate is long, enough are left: each place that stays takes one at most.
    """
    stays = np.where(away, PAD, items)
    free = (fresh != PAD) & ~(fresh[:, :, None] == stays[:, None, :]).any(axis=2)
    rank = np.where(free, np.cumsum(free, axis=1) - 1, -1)
    want = np.where(away, np.cumsum(away, axis=1) - 1, -2)
    match = rank[:, None, :] == want[:, :, None]
    found = np.take_along_axis(fresh, match.argmax(axis=2), axis=1)
    return np.where(match.any(axis=2), found, items)


def _propensity(items: Ints, before: Ints, filled: Ints, count: Ints, chance: float) -> Floats:
    """Return the chance of each item at its position, ``before`` being the slate it was drawn over.

    A draw is uniform over what the m other positions given away leave: count - filled + 1 + m items. An item of another
    position can only be drawn where that one is given away too.
    """
    others = np.maximum(count - filled, 0)
    free = _mean_inverse(others + 1, filled - 1, chance)
    given_up = chance * _mean_inverse(others + 2, filled - 2, chance)
    elsewhere = (items[:, :, None] == before[:, None, :]).any(axis=2) & (items != before)
    by_draw = np.where(elsewhere, given_up[:, None], free[:, None])
    return np.asarray(chance * by_draw + (1 - chance) * (items == before))


def _mean_inverse(least: Ints, trials: Ints, chance: float) -> Floats:
    """Return the mean of 1 / (least + M) per row, M the successes of so many trials of a chance."""
    most = max(int(trials.max(initial=0)), 0)
    successes = np.zeros((most + 1, most + 1))  # by trials, by successes
    successes[0, 0] = 1.0
    for n in range(most):
        successes[n + 1] = (1 - chance) * successes[n] + chance * np.roll(
            successes[n], 1
        )  # the last is 0 until the end
    return np.asarray((successes[np.maximum(trials, 0)] / (least[:, None] + np.arange(most + 1))).sum(axis=1))
