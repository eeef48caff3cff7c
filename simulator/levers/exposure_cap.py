"""No item on everybody's slate."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from agents.schema import PAD, Bools, Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.levers.reranked import Offers, Pool, Reranking
from simulator.recommenders.base import Recommender, Requests, Slates, State
from simulator.seeds import Streams

USERS = 1000
"""Users of the log that stand for all, at most."""
ROUNDS = 40
"""Corrections of the chances; what one item loses goes to others, so they are found together."""


@dataclass
class ExposureCap(Reranking):
    """Withhold items from some slates so that each is expected on no more than 1 - strength of them.

    A hard cap would make slates depend on each other. So each item is kept by a chance of its own, drawn for each request
    and chosen at the fit so that users of the log, asking after all they took, would meet the cap. What is withheld
    stands at the end, where it is seen only if nothing else is left. The propensity logged is the chance of the item given
    those above it.

    strength: 1 - the largest share of slates that an item is on.
    slate: positions of the slates that the cap is meant for.
    pool: items chosen from, the recommender's best; at least the slate.
    """

    strength: Annotated[float, Field(ge=0, le=1)]
    slate: Annotated[int, Field(ge=1)] = 10
    pool: Pool = 100

    def learn(self, recommender: Recommender, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> State:
        """Return the chance of each item to be kept."""
        keep = np.ones(len(catalog))
        requests = everybody(log, rng)
        if not len(requests):
            return {"keep": keep}
        pools = recommender.recommend(requests, max(self.pool, self.slate)).item_id
        for _ in range(ROUNDS):
            shown = expected(pools, keep, self.slate) / len(requests)
            keep = np.minimum(1.0, keep * (1 - self.strength) / np.maximum(shown, 1e-12))
        return {"keep": keep}

    def choose(self, offers: Offers, k: int) -> Slates:
        """Return the first k items that are kept, then those that are not."""
        keep = offers.of_item(np.asarray(offers.known["keep"], dtype=np.float64))
        draw = Streams(0).uniform("exposure cap", offers.requests.seed[:, None], offers.item)
        withheld = offers.there & (draw >= keep)
        places = np.argsort(np.where(offers.there, withheld, 2), axis=1, kind="stable")
        value = np.where(offers.there, offers.relevance() - withheld, -np.inf)
        value, logged = (np.take_along_axis(part, places, axis=1) for part in (value, _logged(keep, withheld, offers.there)))
        return offers.picked(places[:, :k], value[:, :k], logged[:, :k])


def everybody(log: Interactions, rng: np.random.Generator) -> Requests:
    """Return requests of the log's users, or of some, who have seen all they took, right after its end."""
    users = np.unique(log.user_id)
    if len(users) > USERS:
        users = np.sort(rng.choice(users, USERS, replace=False))
    mine = log.take(np.isin(log.user_id, users))
    rows, _ = mine.by_user(0)
    starts = np.searchsorted(mine.user_id[rows], np.append(users, users.max(initial=0) + 1))
    history, now = mine.item_id[rows], np.full(len(users), log.time.max(initial=0.0))
    seed = rng.integers(2**64, size=len(users), dtype=np.uint64)
    return Requests(users, now, history, mine.time[rows], starts, history, starts, seed)


def expected(pools: Ints, keep: Floats, k: int) -> Floats:
    """Return on how many slates of k each item is expected, its pool's items being kept by independent chances."""
    shown = np.zeros(len(keep))
    above = np.zeros((len(pools), k))  # chance that so many items above are kept
    above[:, 0] = 1.0
    for item in pools.T:
        chance = np.where(item == PAD, 0.0, keep[item])
        shown += np.bincount(np.maximum(item, 0), chance * above.sum(axis=1), minlength=len(keep))
        more = np.pad(above[:, :-1], ((0, 0), (1, 0)))
        above += chance[:, None] * (more - above)
    return shown


def _logged(keep: Floats, withheld: Bools, there: Bools) -> Floats:
    """Return, at each place of the pools, the log chance that its item comes next after those that come before it.

    A kept item comes when all since the last kept one are withheld; the first of the withheld, when all that are left
    are; the others then for certain.
    """
    with np.errstate(divide="ignore"):
        passed = np.where(withheld, np.log1p(-keep), 0.0)
        chosen = np.log(keep)
    until = np.cumsum(passed, axis=1)
    kept = there & ~withheld
    place = np.where(kept, np.arange(keep.shape[1]), -1)
    last = np.maximum.accumulate(place, axis=1)
    before = np.concatenate([np.full((len(keep), 1), -1), last[:, :-1]], axis=1)
    padded = np.concatenate([until, np.zeros((len(keep), 1))], axis=1)  # place -1, before the first: nothing passed
    of_kept = until - np.take_along_axis(padded, before % padded.shape[1], axis=1) + chosen
    rest = until[:, -1:] - np.take_along_axis(padded, last[:, -1:] % padded.shape[1], axis=1)
    first = withheld & (np.cumsum(withheld, axis=1) == 1)
    return np.where(kept, of_kept, np.where(first, rest, 0.0))
