"""What levers on lists share: a pool of the recommender's best items, of which the slate is chosen anew."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from agents.schema import PAD, Bools, Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.components import build, describe
from simulator.levers.base import Lever, parted
from simulator.recommenders.base import Progress, Recommender, Requests, Slates, State, silent, under
from simulator.recommenders.linear import decayed_history

CELLS = 2**17
"""Items of pools held at a time: bounds memory, and stays within the processor's cache."""
HEAD = 0.8
"""Share of all interactions that the head's items hold together."""
DECLARED = ("warm", "sequential", "reference", "cold", "new_items")
Pool = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class Offers:
    """The pools of B requests, best first, P items each, and what the lever learned at the fit."""

    requests: Requests
    slates: Slates
    known: Mapping[str, npt.NDArray[np.generic]]

    @property
    def item(self) -> Ints:
        """Return the (B, P) items, PAD after the last."""
        return self.slates.item_id

    @property
    def there(self) -> Bools:
        """Return where the pools hold items."""
        return np.asarray(self.item != PAD)

    def relevance(self) -> Floats:
        """Return (B, P): each pool's scores from 1 (best) to 0 (worst), all 0 where they are equal, -inf at PAD.

        Where an item of a pool has no score, that pool counts by place.
        """
        there, place = self.there, np.arange(self.item.shape[1])
        scored = ~(there & np.isnan(self.slates.score)).any(axis=1, keepdims=True)
        score = np.where(scored, self.slates.score, -place.astype(np.float64))
        low = np.where(there, score, np.inf).min(axis=1, keepdims=True)
        span = np.where(there, score, -np.inf).max(axis=1, keepdims=True) - low
        return np.where(there, (score - low) / np.where(span > 0, span, 1.0), -np.inf)

    def of_item(self, table: Floats) -> Floats:
        """Return the rows of a per-item table for the items of the pools; what stands at PAD means nothing."""
        return np.asarray(table[np.where(self.there, self.item, 0)])

    def history(self, table: Floats) -> Floats:
        """Return (B, columns): the sum of a per-item table over each request's history, repetitions counted."""
        return np.asarray(decayed_history(self.requests, len(table), 1.0).astype(np.float64) @ table)

    def picked(self, place: Ints, value: Floats, log_propensity: Floats | None = None) -> Slates:
        """Return the items at (B, k) places of the pools, with the values they were chosen by.

        Places where the value is -inf or NaN are none.
        """
        shown = np.isfinite(value)
        items = np.where(shown, np.take_along_axis(self.item, place, axis=1), PAD)
        unsaid = np.full(value.shape, np.nan)
        logged = unsaid if log_propensity is None else np.where(shown, log_propensity, np.nan)
        return Slates(items, np.where(shown, value, np.nan), logged, self.slates.diagnostics)


class Reranking(Lever):
    """A lever that chooses each slate from the ``pool`` best items of the recommender."""

    pool: int
    """Items asked of the recommender, at least the slate."""

    def changed(self, recommender: Recommender) -> Recommender:
        """Return the recommender with its slates chosen anew."""
        return Reranked(recommender, self)

    def lessons(self, log: Interactions) -> Interactions:
        """Return what of a log the recommender is to learn from; all of it by default."""
        return log

    def learn(self, recommender: Recommender, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> State:
        """Return what choosing needs to know, when the recommender has just been fitted."""
        return {}

    @abstractmethod
    def choose(self, offers: Offers, k: int) -> Slates:
        """Return slates of at most k items, rows independent of each other; short lists need not be counted.

        Scores never rise along a slate: they are the values that items were chosen by.
        """


@dataclass
class Reranked(Recommender):
    """Show what a lever chooses from another recommender's longer list.

    Declares what the other one declares. A propensity is logged where the lever draws and the other one does not:
    that of two draws is not known, and stays NaN.
    """

    inner: Recommender
    lever: Reranking
    _known: State = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        vars(self).update({name: getattr(self.inner, name) for name in DECLARED})

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Fit the recommender, then learn what the lever needs."""
        log = self.lever.lessons(log)
        self.inner.fit(log, catalog, rng=rng, progress=progress)
        self._known = self.lever.learn(self.inner, log, catalog, rng)

    def relearn(self, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> None:
        """Learn what the lever needs of a recommender that is fitted already."""
        relearn(self.inner, log, catalog, rng)
        self._known = self.lever.learn(self.inner, log, catalog, rng)

    def recommend(self, requests: Requests, k: int) -> Slates:
        """Return the chosen slates, made block by block."""
        size, block = max(self.lever.pool, k), max(1, CELLS // max(self.lever.pool, k) // 32) * 32
        parts = [
            self._chosen(requests.part(first, min(first + block, len(requests))), size, k)
            for first in range(0, max(len(requests), 1), block)
        ]
        counts: dict[str, float] = {}
        for part in parts:
            for name, count in part.diagnostics.items():
                counts[name] = counts.get(name, 0.0) + count
        items, scores, logged = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("item_id", "score", "log_propensity")
        )
        return Slates(items, scores, logged, counts | {"short_lists": float((items == PAD).any(axis=1).sum())})

    def _chosen(self, requests: Requests, size: int, k: int) -> Slates:
        offered = self.inner.recommend(requests, size)
        slates = self.lever.choose(Offers(requests, offered, self._known), k)
        drawn = ~np.isnan(offered.log_propensity).all(axis=1, keepdims=True)
        logged = np.where(drawn, np.nan, slates.log_propensity)
        return Slates(slates.item_id, slates.score, logged, offered.diagnostics)

    def update(self, events: Interactions) -> None:
        """Pass on what of the events is to be learned from."""
        self.inner.update(self.lever.lessons(events))

    def state(self) -> State:
        """Return the recommender's state and what the lever learned, under their prefixes."""
        inner = {f"inner.{name}": value for name, value in self.inner.state().items()}
        return inner | {f"known.{name}": value for name, value in self._known.items()}

    def load_state(self, state: State) -> None:
        """Hand both what is theirs."""
        self.inner.load_state(under("inner.", state))
        self._known = under("known.", state)


def core(recommender: Recommender) -> Recommender:
    """Return the recommender under all levers on its lists."""
    while isinstance(recommender, Reranked):
        recommender = recommender.inner
    return recommender


def relearn(recommender: Recommender, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> None:
    """Let the levers around a fitted recommender learn what they need."""
    if isinstance(recommender, Reranked):
        recommender.relearn(log, catalog, rng)


def foundation(spec: Mapping[str, Any] | str) -> list[dict[str, Any]]:
    """Return what a specification is beside levers on lists: the recommender, and the levers on its training."""
    plain, levers = parted(spec)
    training = [lever for lever in levers if lever.strength != 0 and not isinstance(lever, Reranking)]
    return [
        describe("recommenders", build("recommenders", plain)),
        *(describe("levers", lever) for lever in training),
    ]


Gain = Callable[[Ints | None], Floats]
"""Called with the (B,) places taken last (none at first); returns (B, P), what each item would add now."""


def greedily(relevance: Floats, gain: Gain, strength: float, k: int) -> tuple[Ints, Floats]:
    """Return (B, k) places and values: again and again the item of most (1 - strength) relevance + strength gain.

    The first of equals is taken. Where a gain rises, the value is written as the one before it: values never rise.
    """
    left = np.where(relevance >= 0, (1 - strength) * np.maximum(relevance, 0.0), -np.inf)
    users, places = np.arange(len(left)), np.zeros((len(left), k), dtype=np.int64)
    values = np.full(places.shape, -np.inf)
    taken = None
    for position in range(min(k, left.shape[1])):
        worth = left + strength * gain(taken)
        taken = worth.argmax(axis=1)
        places[:, position], values[:, position] = taken, worth[users, taken]
        left[users, taken] = -np.inf
    return places, np.minimum.accumulate(values, axis=1)


def best(value: Floats, k: int) -> tuple[Ints, Floats]:
    """Return the (B, k) places and values of the largest of (B, P) values, P >= k, the first of equals first."""
    places = np.argsort(-value, axis=1, kind="stable")[:, :k]
    return places, np.take_along_axis(value, places, axis=1)


def genre_weights(catalog: Catalog) -> Floats:
    """Return (items, genres): an item's weight 1 split evenly over its genres, 0 where it has none."""
    genres = catalog.genre_matrix
    return np.asarray(genres / np.maximum(genres.sum(axis=1, keepdims=True), 1.0))


def head(counts: Floats) -> Floats:
    """Return 1 for the most taken items that hold 80 % of all interactions together, 0 for the others, the tail."""
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    popular = np.zeros(len(counts))
    popular[order[before < HEAD * counts.sum()]] = 1.0
    return popular
