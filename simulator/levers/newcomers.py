"""A way in for what nobody can have taken yet."""

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import Field

from agents.schema import PAD, Bools, Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.levers.reranked import Offers, Reranking
from simulator.recommenders.base import Recommender, Slates, State
from simulator.scenario import Duration
from simulator.seeds import Streams


@dataclass
class Newcomers(Reranking):
    """Put items that have just come on offer between the recommended ones, each at a place of its own by lot.

    Places are uniform over a ranking of everything on offer, so that the longer the catalog, the fewer newcomers reach
    the slate. One that is recommended higher stays where it is. What is moved has no score.

    strength: chance of each newcomer to be put in at all.
    age: how long an item counts as new.
    """

    strength: Annotated[float, Field(ge=0, le=1)]
    age: Duration = 1440.0
    pool: int = field(init=False, repr=False, default=1)

    def learn(self, recommender: Recommender, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> State:
        """Return when items come on offer."""
        return {"released": np.full(len(catalog), -np.inf) if catalog.released is None else catalog.released}

    def choose(self, offers: Offers, k: int) -> Slates:
        """Return the slates with newcomers put in, what they push out at the end left out."""
        released, now = np.asarray(offers.known["released"], dtype=np.float64), offers.requests.now
        item = np.flatnonzero(released > now.min(initial=np.inf) - self.age)
        draws, seed = Streams(0), offers.requests.seed[:, None]
        offered = (released <= now[:, None]).sum(axis=1)[:, None]
        place = np.floor(draws.uniform("newcomer's place", seed, item) * offered)
        new = (released[item] <= now[:, None]) & (released[item] > now[:, None] - self.age)
        new &= (draws.uniform("newcomer", seed, item) < self.strength) & ~_barred(offers, item, len(released))
        return _merged(offers, item, np.where(new, place, np.inf), k)


def _barred(offers: Offers, item: Ints, n_items: int) -> Bools:
    """Return (B, items) where a request excludes an item."""
    requests = offers.requests
    row = np.repeat(np.arange(len(requests)), np.diff(requests.exclude_starts))
    cell = np.arange(len(requests))[:, None] * n_items + item
    known = (requests.exclude >= 0) & (requests.exclude < n_items)
    return np.isin(cell, row[known] * n_items + requests.exclude[known])


def _merged(offers: Offers, item: Ints, place: Floats, k: int) -> Slates:
    """Return the slates with items (n,) at places (B, n), infinity for none, or where recommended above that."""
    rank = np.where(offers.there, np.arange(offers.item.shape[1]) + 0.5, np.inf)
    same = (offers.item[:, :, None] == item) & offers.there[:, :, None]
    lifted = np.where(same, place[:, None, :], np.inf).min(axis=2, initial=np.inf)
    added = np.where(same.any(axis=1), np.inf, place)
    where = np.hstack([np.minimum(rank, lifted), added])
    items = np.hstack([offers.item, np.broadcast_to(item, place.shape)])
    scores = np.hstack([np.where(lifted < rank, np.nan, offers.slates.score), np.full(place.shape, np.nan)])
    order = np.argsort(where, axis=1, kind="stable")[:, :k]
    there = np.isfinite(np.take_along_axis(where, order, axis=1))
    chosen = np.where(there, np.take_along_axis(items, order, axis=1), PAD)
    score = np.where(there, np.take_along_axis(scores, order, axis=1), np.nan)
    return Slates(chosen, score, np.full(score.shape, np.nan), offers.slates.diagnostics)
