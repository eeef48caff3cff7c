"""The questions real choices answer: what was taken, and what else there was, as popular as it was then."""

from dataclasses import dataclass

import numpy as np

from agents.choice import NEGATIVES, PopularityThen
from agents.mood import CONTENT, RESTED
from agents.schema import PAD, Bools, Draws, Floats, Ints, Pages
from analysis.fidelity.fold import Fold

REACH = 3
"""Popularity ranks, up and down, within which an item is as popular as another."""
UNIFORM = 49
"""Items not taken, drawn uniformly, that each choice is compared with."""


@dataclass(frozen=True)
class Questions:
    """One row per held-out choice: the item taken in column 0, then three groups of items never taken.

    ``item`` is PAD and ``popularity`` 0 where a group is short; popularity is as of the moment.
    """

    user: Ints
    """Row among the judged users."""
    time: Floats
    rating: Floats
    item: Ints
    popularity: Floats
    log_weight: Floats
    """(rows, NEGATIVES) log-weights, up to a constant, that the first group was drawn with; then that of column 0."""
    first_weight: Floats
    """(rows,) the log-weight of column 0 in that draw"""

    @property
    def weighted(self) -> slice:
        """Columns of items drawn as the choice model's negatives are."""
        return slice(1, 1 + NEGATIVES)

    @property
    def matched(self) -> slice:
        """Columns of the items around the taken one in popularity."""
        return slice(1 + NEGATIVES, 1 + NEGATIVES + 2 * REACH)

    @property
    def uniform(self) -> slice:
        """Columns of items drawn uniformly."""
        return slice(1 + NEGATIVES + 2 * REACH, None)

    def __len__(self) -> int:
        return len(self.user)

    def pages(self, columns: slice | Ints, rows: Ints | None = None) -> Pages:
        """Return the items of some columns as pages shown to users who are rested and content."""
        rows = np.arange(len(self)) if rows is None else rows
        return pages(self.user[rows], self.item[rows][:, columns], self.popularity[rows][:, columns], rows)


def pages(user: Ints, item: Ints, popularity: Floats, decision: Ints) -> Pages:
    """Return items as first pages of rested users at time 0."""
    count = len(user)
    return Pages(
        user_id=user,
        now=np.zeros(count),
        page=np.ones(count, dtype=np.int64),
        decision=decision.astype(np.int64),
        item_id=item,
        popularity=popularity,
        exposures=np.zeros_like(item),
        fatigue=np.full(count, RESTED),
        satisfaction=np.full(count, CONTENT),
    )


def ask(fold: Fold, popularity: Floats, draws: Draws) -> Questions:
    """Return the questions that the held-out choices of a fold answer."""
    n_items, held = len(popularity), fold.held
    taken, then = fold.taken(n_items), PopularityThen(fold.known, n_items)
    user = np.searchsorted(fold.tested, held.user_id)
    every, weight = np.arange(n_items), np.sqrt(1.0 + popularity)
    items = np.full((len(user), 1 + NEGATIVES + 2 * REACH + UNIFORM), PAD, dtype=np.int64)
    counts = np.zeros(items.shape)
    for row, (one, item, time) in enumerate(zip(user.tolist(), held.item_id.tolist(), held.time, strict=True)):
        now = then(every[None, :], time[None])[0]
        free = ~taken[one]
        key = (fold.tested[one], row)
        groups = (
            _drawn(weight * free, draws.uniform("fidelity negative", *key, np.arange(NEGATIVES))),
            _around(item, now, free, draws, key),
            _drawn(free.astype(np.float64), draws.uniform("fidelity uniform", *key, np.arange(UNIFORM))),
        )
        items[row] = np.concatenate([[item], *groups])
        counts[row] = np.where(items[row] == PAD, 0.0, now[items[row]])
    logs = np.log(weight)
    return Questions(user, held.time, held.rating, items, counts, logs[items[:, 1 : 1 + NEGATIVES]], logs[held.item_id])


def _drawn(weight: Floats, draw: Floats) -> Ints:
    """Return items drawn with replacement by weight; PAD where there are none."""
    edges = np.cumsum(weight)
    if not edges[-1]:
        return np.full(len(draw), PAD, dtype=np.int64)
    return np.asarray(np.minimum(np.searchsorted(edges, draw * edges[-1], side="right"), len(edges) - 1), np.int64)


def _around(item: int, now: Floats, free: Bools, draws: Draws, key: tuple[int, int]) -> Ints:
    """Return the free items at most ``REACH`` popularity ranks from one, more popular ones first, PAD for the others.

    Items of one count are ranked by keyed draw, or those with small ids would always look more popular.
    """
    order = np.lexsort((draws.uniform("fidelity rank", *key, np.arange(len(now))), -now))
    place = int(np.flatnonzero(order == item)[0])
    padded = np.concatenate([np.full(REACH, PAD), order, np.full(REACH, PAD)])
    near = np.delete(padded[place : place + 2 * REACH + 1], REACH)
    return np.where((near != PAD) & free[near], near, PAD)
