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
ROUNDS = 20
"""Corrections of the chances; what one item loses goes to others, so they are found together."""
SPARE, WIDER = 0.1, 1.25
"""Withheld items may come back on this part of the cap's share of slates; else the cap is widened by this factor."""


@dataclass
class ExposureCap(Reranking):
    """Withhold items from some slates so that each is expected on no more than 1 - strength of them.

    A hard cap would make slates depend on each other. So each item is kept by a chance of its own, drawn for each
    request; the chances are chosen at the fit so that users of the log, asking after all they took, would meet the cap.
    What is withheld stands at the end, where it is seen only if nothing else is left; where pools have too few items to
    keep so few of each, the cap is the smallest that they allow. The propensity logged is the chance of the item given
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
        requests, least = everybody(log, rng), self.slate / max(len(catalog), 1)
        pools = recommender.recommend(requests, max(self.pool, self.slate)).item_id
        filled = np.minimum((pools != PAD).sum(axis=1), self.slate).sum()
        share, keep = max(1 - self.strength, min(least, 1.0)), np.ones(len(catalog))
        while len(requests) and share < 1:
            keep, shown = kept(pools, len(catalog), share, self.slate)
            if filled - shown.sum() <= SPARE * share * len(requests):
                break
            share, keep = share * WIDER, np.ones(len(catalog))
        return {"keep": keep}

    def choose(self, offers: Offers, k: int) -> Slates:
        """Return the first k items that are kept, then those that are not."""
        keep = offers.of_item(np.asarray(offers.known["keep"], dtype=np.float64))
        draw = Streams(0).uniform("exposure cap", offers.requests.seed[:, None], offers.item)
        withheld = offers.there & (draw >= keep)
        places = np.argsort(np.where(offers.there, withheld, 2), axis=1, kind="stable")
        value = np.take_along_axis(offers.relevance() - withheld, places, axis=1)
        logged = chances(np.where(offers.there, keep, 0.0), withheld, places)
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


def kept(pools: Ints, n_items: int, share: float, k: int) -> tuple[Floats, Floats]:
    """Return chances to be kept by which no item is expected on more than a share of the slates, and on how many."""
    keep = np.ones(n_items)
    shown = expected(pools, keep, k)
    for _ in range(ROUNDS):
        keep = np.minimum(1.0, keep * share * len(pools) / np.maximum(shown, 1e-12))
        shown = expected(pools, keep, k)
    return keep, shown


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


def chances(keep: Floats, withheld: Bools, places: Ints) -> Floats:
    """Return the log chance of each of the (B, P) ``places`` of a pool to come next, given those before it.

    A kept one comes when all after the kept one before it are withheld; the first withheld one, when all after the
    last kept one are; the others then for certain. A beginning in the pool's own order tells less: there all may have
    been kept, or some, and then all the rest withheld.
    """
    row, own = np.arange(len(keep))[:, None], np.arange(keep.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        passed = np.pad(np.cumsum(np.where(withheld, np.log1p(-keep), 0.0), axis=1), ((0, 0), (1, 0)))
        kept = ~withheld[row, places]
        after = np.pad(np.where(kept, places + 1, 0), ((0, 0), (1, 0)))[:, :-1]  # where it went on from
        last = np.maximum.accumulate(after, axis=1)
        comes = passed[row, places] - passed[row, after] + np.log(keep[row, places])
        returns = np.where(~kept & (np.cumsum(~kept, axis=1) == 1), passed[:, -1:] - passed[row, last], 0.0)
        all_kept, in_order = _beginnings(keep)
        natural = np.logical_and.accumulate(places == own, axis=1)
        departs = ~natural & np.pad(natural, ((0, 0), (1, 0)), constant_values=True)[:, :-1]
        later = np.where(kept, comes, returns) + np.where(departs, (all_kept - in_order)[:, :-1], 0.0)
        return np.where(natural, in_order[:, 1:] - in_order[:, :-1], later)


def _beginnings(keep: Floats) -> tuple[Floats, Floats]:
    """Return the log chances (B, P + 1) that the first m of a pool are all kept, and that they are shown in order."""
    ends = ((0, 0), (1, 0))
    all_kept = np.pad(np.cumprod(keep, axis=1), ends, constant_values=1.0)
    none_after = np.cumprod((1 - keep)[:, ::-1], axis=1)[:, ::-1]
    in_order = all_kept + np.pad(np.cumsum(all_kept[:, :-1] * none_after, axis=1), ends)
    return np.log(all_kept), np.log(in_order)
