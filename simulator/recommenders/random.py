"""Chance: the reference that no bias can come from."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from agents.schema import PAD, Bools, Ints
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.allowed import Allowed
from simulator.recommenders.base import Progress, Recommender, Requests, Slates, State, diagnostics, silent
from simulator.seeds import Streams, Words


@dataclass
class Random(Recommender):
    """Show items drawn uniformly without replacement, and log with what probability.

    All items score alike; at any position each allowed item had the same probability.
    """

    reference: ClassVar[bool] = True
    cold: ClassVar[Literal["popularity", "uniform"]] = "uniform"

    _n_items: int = field(init=False, repr=False, default=0)

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Learn how many items there are."""
        self._n_items = len(catalog)
        progress(1.0, "catalog")

    def recommend(self, requests: Requests, k: int) -> Slates:
        """Return k of the allowed items in the order they were drawn."""
        allowed = Allowed.of(requests, np.arange(self._n_items))
        items = allowed.places(drawn(requests.seed, allowed.count, k))
        shown = items != PAD
        chance = -np.log(np.maximum(allowed.count, 1))[:, None]
        return Slates(items, np.where(shown, 0.0, np.nan), np.where(shown, chance, np.nan), diagnostics(items))

    def state(self) -> State:
        """Return the size of the catalog."""
        return {"n_items": np.asarray(self._n_items)}

    def load_state(self, state: State) -> None:
        """Take over the size of the catalog."""
        self._n_items = int(state["n_items"])


def drawn(seed: Words, count: Ints, k: int) -> Ints:
    """Return (B, k) different numbers below each row's count, uniform without replacement, PAD past the count.

    A row is the first k different numbers of its endless sequence of uniforms keyed by its seed, so neither other
    rows nor how far the sequence was computed change it.
    """
    numbers = sequence(seed, count, k)
    ascending = np.sort(numbers, axis=1)
    lacking = np.flatnonzero((ascending[:, 1:] == ascending[:, :-1]).any(axis=1) | (count < k))
    numbers[lacking] = PAD
    length = k
    while len(lacking):
        length *= 2
        longer = sequence(seed[lacking], count[lacking], length)
        fresh = first_of_its_kind(longer) & (count[lacking, None] > 0)
        place = np.cumsum(fresh, axis=1) - 1
        row, column = np.nonzero(fresh & (place < k))
        numbers[lacking[row], place[row, column]] = longer[row, column]
        lacking = lacking[fresh.sum(axis=1) < np.minimum(count[lacking], k)]
    return numbers


def sequence(seed: Words, count: Ints, length: int) -> Ints:
    """Return the first numbers of each row's endless sequence, uniform below its count."""
    uniforms = Streams(0).uniform("random slate", seed[:, None], np.arange(length))
    return (uniforms * count[:, None]).astype(np.int64)


def first_of_its_kind(numbers: Ints) -> Bools:
    """Return where in each row a number stands for the first time."""
    order = np.argsort(numbers, axis=1, kind="stable")
    ascending = np.take_along_axis(numbers, order, axis=1)
    fresh = np.ones(numbers.shape, dtype=np.bool_)
    np.put_along_axis(fresh, order[:, 1:], ascending[:, 1:] != ascending[:, :-1], axis=1)
    return fresh
