"""What synthetic rows are held against: as many rows, made in ways of which we know what they are worth."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from agents.schema import Bools, Draws, Floats, Ints
from analysis.augment.case import Case
from analysis.augment.sampling import by_time, windows

if TYPE_CHECKING:
    from simulator.catalog import Interactions

BOOTSTRAP, CHANCE = "bootstrap", "random"
"""The control that is as good as real data, and the one that knows nothing."""
ANYWHERE = 0.1
"""Share of a Markov chain's steps that are taken by popularity, whatever the item before."""
TRIES = 8
"""Draws of a chain's step before one by popularity alone, where what was drawn had been taken."""
USERS_AT_ONCE = 2048


def bootstrap(case: Case, shape: "Interactions", draws: Draws) -> "Interactions":
    """Return real rows again: a user drawn with replacement, under a new name, for each of the shape's.

    Where their histories are too short, more users are drawn. The name is ``origin + n_users * (1 + place)``, so that
    an id modulo the number of users says whom it stems from.
    """
    known, counts = np.unique(case.real.user_id, return_counts=True)
    users, sizes = np.unique(shape.user_id, return_counts=True)
    drawn = (draws.uniform("bootstrap user", users) * len(known)).astype(np.int64)
    sizes = np.minimum(sizes, counts[drawn])
    more = _until(len(shape) - int(sizes.sum()), counts, draws)
    drawn, sizes = np.concatenate([drawn, more[0]]), np.concatenate([sizes, more[1]])
    names = known[drawn] + case.n_users * (1 + np.arange(len(drawn)))
    return windows(case.real, known[drawn], sizes, names, draws, "bootstrap window")


def _until(missing: int, counts: Ints, draws: Draws) -> tuple[Ints, Ints]:
    """Return users drawn with replacement, and how much of each it takes, until so many rows are there."""
    drawn = (draws.uniform("bootstrap more", np.arange(missing)) * len(counts)).astype(np.int64)
    there = np.cumsum(counts[drawn])
    drawn = drawn[: int(np.searchsorted(there, missing)) + 1]
    sizes = counts[drawn]
    if missing:
        sizes[-1] -= there[len(drawn) - 1] - missing
    return drawn, sizes


def uniform(case: Case, shape: "Interactions", draws: Draws) -> "Interactions":
    """Return rows of items drawn uniformly from the catalog, none twice for a user, rated by chance."""
    kinds = np.unique(case.real.rating[~np.isnan(case.real.rating)])
    items = _best(shape, len(case.catalog), draws, lambda users: np.zeros((len(users), len(case.catalog))))
    return _placed(shape, items, kinds, draws)


def cf_teacher(case: Case, shape: "Interactions", draws: Draws) -> "Interactions":
    """Return rows sampled from EASE fitted on the real ones.

    A user's items are drawn without replacement, in proportion to the positive part of their scores, from what the
    user has not taken; a user without a past draws by popularity.
    """
    n_items = len(case.catalog)
    taken, popularity = _taken(case), case.real.counts(n_items)
    place = {user: row for row, user in enumerate(case.test.requests.user_id.tolist())}

    def log_weight(users: Ints) -> Floats:
        scores = np.tile(popularity, (len(users), 1))
        known = np.array([user in place for user in users.tolist()], dtype=np.bool_)
        asked = np.array([place[user] for user in users[known].tolist()], dtype=np.int64)
        if len(asked):
            scores[known] = case.teacher.score(case.test.requests.take(asked))
        scores[taken[np.minimum(users, len(taken) - 1)]] = 0.0
        return np.log(np.maximum(scores, 1e-9))

    return _placed(shape, _best(shape, n_items, draws, log_weight), _ratings(case), draws)


def markov(case: Case, shape: "Interactions", draws: Draws) -> "Interactions":
    """Return rows of a first-order Markov chain over the real sequences.

    It starts at a user's last real item (by popularity where there is none); a tenth of the steps, and those that find
    nothing new in TRIES draws, go by popularity.
    """
    real, n_items = case.real, len(case.catalog)
    users, slot = np.unique(shape.user_id, return_inverse=True)
    turn = _turns(shape)
    taken = _taken(case)[np.minimum(users, case.n_users)]
    before, chain = _last(case)[np.minimum(users, case.n_users)], _Chain(real, n_items)
    items = np.zeros(len(shape), dtype=np.int64)
    for step in range(int(turn.max(initial=-1)) + 1):
        rows = np.flatnonzero(turn == step)
        at = slot[rows]
        items[rows] = before[at] = chain.next(before[at], taken[at], users[at], step, draws)
        taken[at, before[at]] = True
    return _placed(shape, items, _ratings(case), draws)


class _Chain:
    """What follows what in real sequences, and how popular everything is."""

    def __init__(self, real: "Interactions", n_items: int) -> None:
        rows, _ = real.by_user(int(real.user_id.max(initial=-1)) + 1)
        user, item = real.user_id[rows], real.item_id[rows]
        follows = np.flatnonzero(user[1:] == user[:-1])
        order = np.argsort(item[follows], kind="stable")
        self._then = item[follows + 1][order]
        self._starts = np.searchsorted(item[follows][order], np.arange(n_items + 1))
        self._share = np.cumsum(real.counts(n_items)) / max(len(real), 1)

    def next(self, before: Ints, taken: Bools, users: Ints, step: int, draws: Draws) -> Ints:
        """Return the next item of each user (``before`` is -1 for none), one not yet taken."""
        found = np.full(len(users), -1, dtype=np.int64)
        for attempt in range(TRIES):
            open_ = np.flatnonzero(found < 0)
            if not len(open_):
                return found
            drawn = self._drawn(before[open_], users[open_], step, attempt, draws)
            fresh = ~taken[open_, drawn]
            found[open_[fresh]] = drawn[fresh]
        left = np.flatnonzero(found < 0)
        popularity = np.diff(self._share, prepend=0.0) + 1e-9
        noise = draws.uniform("markov rest", users[left, None], step, np.arange(taken.shape[1]))
        found[left] = np.where(taken[left], -np.inf, np.log(popularity) + _gumbel(noise)).argmax(axis=1)
        return found

    def _drawn(self, before: Ints, users: Ints, step: int, attempt: int, draws: Draws) -> Ints:
        where, what = (draws.uniform(f"markov {purpose}", users, step, attempt) for purpose in ("jump", "item"))
        popular = np.searchsorted(self._share, what, side="right").clip(max=len(self._share) - 1)
        first, last = self._starts[before], self._starts[before + 1]
        follower = first + (what * (last - first)).astype(np.int64)
        jumps = (where < ANYWHERE) | (before < 0) | (first == last)
        return np.where(jumps, popular, self._then[np.minimum(follower, len(self._then) - 1)])


Control = Callable[[Case, "Interactions", Draws], "Interactions"]

CONTROLS: Mapping[str, Control] = {BOOTSTRAP: bootstrap, CHANCE: uniform, "markov": markov, "cf_teacher": cf_teacher}
"""Name -> rows of the same shape as others: as many users, with as many rows each."""


def _taken(case: Case) -> Bools:
    """Tell (users + 1, items) what each user really took; the last row stands for invented users."""
    taken = np.zeros((case.n_users + 1, len(case.catalog)), dtype=np.bool_)
    taken[case.real.user_id, case.real.item_id] = True
    return taken


def _last(case: Case) -> Ints:
    """Return each user's last real item, -1 for none; the last entry stands for invented users."""
    last = np.full(case.n_users + 1, -1, dtype=np.int64)
    last[case.real.user_id] = case.real.item_id  # in order of time, the last assignment stays
    return last


def _ratings(case: Case) -> Floats:
    """Return the real ratings, to be drawn from."""
    return case.real.rating[~np.isnan(case.real.rating)]


def _turns(shape: "Interactions") -> Ints:
    """Return how many rows of its user come before each row."""
    rows = np.argsort(shape.user_id, kind="stable")
    user = shape.user_id[rows]
    turn = np.empty(len(rows), dtype=np.int64)
    turn[rows] = np.arange(len(rows)) - np.searchsorted(user, user)
    return turn


def _best(shape: "Interactions", n_items: int, draws: Draws, log_weight: Callable[[Ints], Floats]) -> Ints:
    """Return an item for every row, drawn without replacement per user by the log weights of all items (Gumbel)."""
    users, sizes = np.unique(shape.user_id, return_counts=True)
    turn, slot = _turns(shape), np.searchsorted(users, shape.user_id)
    items = np.zeros(len(shape), dtype=np.int64)
    for first in range(0, len(users), USERS_AT_ONCE):
        some = users[first : first + USERS_AT_ONCE]
        noise = draws.uniform("control item", some[:, None], np.arange(n_items))
        best = np.argsort(-(log_weight(some) + _gumbel(noise)), axis=1)[:, : int(sizes.max(initial=1))]
        rows = np.flatnonzero((slot >= first) & (slot < first + len(some)))
        items[rows] = best[slot[rows] - first, turn[rows] % best.shape[1]]
    return items


def _gumbel(noise: Floats) -> Floats:
    return np.asarray(-np.log(-np.log(noise + 2.0**-54)))


def _placed(shape: "Interactions", items: Ints, ratings: Floats, draws: Draws) -> "Interactions":
    """Return the shape's rows with other items, and ratings drawn from those given."""
    rating = np.full(len(shape), np.nan)
    if len(ratings):
        drawn = draws.uniform("control rating", shape.user_id, np.arange(len(shape)))
        rating = ratings[(drawn * len(ratings)).astype(np.int64)]
    return by_time(replace(shape, item_id=items, rating=rating))
