"""Ask how much a title is like those a person has watched, in the model's own reading of titles.

score = mean cosine between what the model makes of a title and of each title in the person's history.
Vectors are centered over the catalog and their WIDTH leading directions given equal weight: without that all
titles look alike, because a language model's states share a few large directions (Mu & Viswanath, ICLR 2018).
Titles are read in fixed groups of neighbors in the catalog, so that all users share the answers, and once
the catalog is read a decision takes no more thought from the model.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from agents.asking.scored import Scored
from agents.asking.text import spoken
from agents.embeddings import LENGTH, Vectors, whole
from agents.errors import MissingResource
from agents.llm.base import Answer, Prompt
from agents.schema import Floats, Ints, Item

GROUP = 16
"""Neighboring items whose titles are read together."""
WIDTH = 64
"""Directions kept of a model's vectors."""


@dataclass(frozen=True)
class Reading:
    """What a model makes of every title of a catalog: whole numbers of length LENGTH, so that sums are exact."""

    vectors: Vectors

    @classmethod
    def of(cls, states: Floats) -> "Reading":
        """Take (items, width) vectors as the model gave them."""
        centered = states - states.mean(axis=0)
        left, size, _ = np.linalg.svd(centered, full_matrices=False)
        kept = size > 1e-9 * max(float(size.max(initial=0.0)), 1e-9)
        return cls(whole(np.ascontiguousarray(left[:, kept][:, :WIDTH])))

    def likeness(self, history: Ints, items: Ints) -> Floats:
        """Return, per item, its mean cosine with the history's other items; 0 where there are none.

        >>> Reading(np.array([[2048, 0], [0, 2048], [2048, 0]], dtype=np.float32)).likeness(
        ...     np.array([0, 1]), np.array([0, 2])).tolist()
        [0.0, 0.5]
        """
        told = self.vectors[history].sum(axis=0, dtype=np.float64)
        own = self.vectors[items].astype(np.float64)
        known = np.isin(items, history)
        others = len(history) - known
        found = np.einsum("ij,ij->i", own, told - known[:, None] * own)
        return np.asarray(np.where(others > 0, found / (np.maximum(others, 1) * LENGTH**2), 0.0))


def groups(catalog: Sequence[Item]) -> range:
    """Return the numbers of the catalog's groups."""
    return range(-(-len(catalog) // GROUP))


def read(catalog: Sequence[Item], group: int) -> Generator[Prompt, Answer, Floats]:
    """Have a group's titles read; return their vectors, raise MissingResource where they do not come."""
    answer = yield _prompt(catalog, group)
    vectors = np.array(answer.vectors if answer.status == "ok" else (), dtype=np.float64)
    if vectors.ndim != 2 or len(vectors) != len(_neighbors(catalog, group)) or not np.isfinite(vectors).all():
        reason = answer.error or "it gave no vector for each of them"
        raise MissingResource(f"the language model could not read titles ({reason}); use decide: likelihood or labels")
    return vectors


def ask(
    reading: Reading, history: Sequence[int], items: Sequence[Item], catalog: Sequence[Item], now: float = 0.0
) -> Generator[Prompt, Answer, Scored]:
    """Hold the conversation: the first title's group is asked for again, so that a decision names what it rests on."""
    answer = yield _prompt(catalog, items[0].item_id // GROUP, now)
    if answer.status != "ok":
        return Scored(None, answer.call_id, ("failed",))
    told = np.array(history, dtype=np.int64)
    found = reading.likeness(told, np.array([item.item_id for item in items], dtype=np.int64)).tolist()
    return Scored(tuple(found) if all(map(math.isfinite, found)) else None, answer.call_id, ("ok",))


def _neighbors(catalog: Sequence[Item], group: int) -> Sequence[Item]:
    return catalog[group * GROUP : (group + 1) * GROUP]


def _prompt(catalog: Sequence[Item], group: int, now: float = 0.0) -> Prompt:
    titles = tuple(spoken(item) for item in _neighbors(catalog, group))
    return Prompt(kind="embedding", purpose="read-titles", messages=(), continuations=titles, now=now)
