"""Traits as measured quantities: what each means, and how it is read off a history.

All formulas work on all users of a history at once. Shrinkage constants are in pseudo-observations,
so users with a short history stay near the population.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from agents.schema import Floats, History, Ints, Item

Singles = npt.NDArray[np.float32]
"""Where a million users times many columns would be dear at twice the size."""

PSEUDO = 5.0
"""Pseudo-observations that pull a user's figures towards the population's."""


@dataclass(frozen=True)
class Traits:
    """Measured quantities of n users as columns (see ``Persona`` for their meaning); G genres."""

    genres: tuple[str, ...]
    tastes: Singles
    """(n, G)"""
    activity: Floats
    conformity: Floats
    diversity: Floats
    mainstreaminess: Floats
    rating_mean: Floats
    rating_sd: Floats

    @property
    def attention(self) -> Floats:
        """Return the price of a minute, activity^-1/2: who comes more often gives time more freely."""
        return np.asarray(np.clip(self.activity, 0.25, 4.0) ** -0.5)

    def take(self, rows: Ints) -> "Traits":
        """Return the traits of some users, in the order asked for."""
        columns = (getattr(self, column.name)[rows] for column in fields(self)[1:])
        return Traits(self.genres, *columns)

    @classmethod
    def room(cls, genres: tuple[str, ...], n_users: int) -> "Traits":
        """Return columns for ``n_users``, to be filled in."""
        columns = (np.empty(n_users) for _ in fields(cls)[2:])
        return cls(genres, np.empty((n_users, len(genres)), dtype=np.float32), *columns)

    def put(self, start: int, part: "Traits") -> None:
        """Write the traits of some users over those from row ``start`` on."""
        for column in fields(self)[1:]:
            values = getattr(part, column.name)
            getattr(self, column.name)[start : start + len(values)] = values

    def tastes_for(self, genres: tuple[str, ...]) -> Singles:
        """Return (n, len(genres)) tastes by the names of genres, 0 for those nothing is known of."""
        if genres == self.genres:
            return self.tastes
        tastes = np.zeros((len(self.tastes), len(genres)), dtype=np.float32)
        for place, genre in enumerate(genres):
            if genre in self.genres:
                tastes[:, place] = self.tastes[:, self.genres.index(genre)]
        return tastes


def genre_matrix(items: Sequence[Item]) -> tuple[tuple[str, ...], Floats]:
    """Return the genres in alphabetical order and the (items, genres) 0/1 matrix."""
    genres = tuple(sorted({genre for item in items for genre in item.genres}))
    column = {genre: place for place, genre in enumerate(genres)}
    matrix = np.zeros((len(items), len(genres)))
    for row, item in enumerate(items):
        matrix[row, [column[genre] for genre in item.genres]] = 1.0
    return genres, matrix


def measure(history: History, items: Sequence[Item], popularity: Floats, n_users: int) -> Traits:
    """Return the traits of the users 0..n_users-1 of a history; users without events are average."""
    genres, member = genre_matrix(items)
    split = member / np.maximum(member.sum(axis=1, keepdims=True), 1.0)
    taken = np.bincount(history.user_id, minlength=n_users).astype(np.float64)
    mass = np.zeros((n_users, len(genres)))
    np.add.at(mass, history.user_id, split[history.item_id])
    mean, sd = _rating_style(history, n_users)
    return Traits(
        genres=genres,
        tastes=_tastes(mass).astype(np.float32),
        activity=_activity(taken),
        conformity=_conformity(history, len(items), n_users),
        diversity=_entropy(mass),
        mainstreaminess=_mainstreaminess(history, popularity, taken),
        rating_mean=mean,
        rating_sd=sd,
    )


def _tastes(mass: Floats) -> Floats:
    """Log ratio of the user's genre shares (shrunk) to everybody's, centered over genres.

    An item's weight is split evenly among its genres.
    """
    return _against(mass, mass.sum(axis=0))


def _against(mass: Floats, taken: Floats) -> Floats:
    """Return the tastes of users who took ``mass`` (users, genres) where everybody took ``taken`` (genres,)."""
    everybody = taken + 1.0
    everybody = everybody / everybody.sum() if everybody.size else everybody
    total = mass.sum(axis=1, keepdims=True)
    own = (mass + PSEUDO * everybody) / (total + PSEUDO)
    weight = np.log(own / everybody)
    return np.asarray(weight - weight.mean(axis=1, keepdims=True)) if everybody.size else mass


def shown_tastes(member: Floats, popularity: Floats, count: float) -> Singles:
    """Return (items, genres) the taste each item shows: that of a user who took ``count`` such items and no other."""
    split = member / np.maximum(member.sum(axis=1, keepdims=True), 1.0)
    return _against(count * split, popularity @ split).astype(np.float32)


def _activity(taken: Floats) -> Floats:
    """Square root of interactions relative to the median user's, within [1/4, 4].

    Rating logs record interactions, not visits; heavy users both come more often and do more per
    visit, so half of the (log) difference is put down to visits.
    """
    active = taken[taken > 0]
    median = float(np.median(active)) if active.size else 1.0
    return np.asarray(np.clip(np.sqrt(np.where(taken > 0, taken, median) / median), 0.25, 4.0))


def _entropy(mass: Floats) -> Floats:
    """Entropy of the user's genre shares in bits; the mean user's where there is nothing to measure."""
    total = mass.sum(axis=1, keepdims=True)
    share = mass / np.where(total > 0, total, 1.0)
    bits = -(share * np.log2(np.where(share > 0, share, 1.0))).sum(axis=1)
    return _average_where_missing(bits, total[:, 0] > 0)


def _mainstreaminess(history: History, popularity: Floats, taken: Floats) -> Floats:
    """Mean popularity percentile of what was watched: (items less popular + half of ties) / items."""
    order = np.sort(popularity)
    below = np.searchsorted(order, popularity, side="left")
    upto = np.searchsorted(order, popularity, side="right")
    percentile = (below + upto) / (2.0 * len(popularity))
    total = np.bincount(history.user_id, weights=percentile[history.item_id], minlength=len(taken))
    return _average_where_missing(total / np.maximum(taken, 1.0), taken > 0)


def _rating_style(history: History, n_users: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the user's ratings, shrunk towards everybody's."""
    rated = np.isfinite(history.rating)
    user, rating = history.user_id[rated], history.rating[rated]
    center = float(rating.mean()) if rating.size else 0.0
    spread = float(rating.var()) if rating.size else 1.0
    count = np.bincount(user, minlength=n_users)
    mean = (np.bincount(user, weights=rating, minlength=n_users) + PSEUDO * center) / (count + PSEUDO)
    squares = np.bincount(user, weights=(rating - mean[user]) ** 2, minlength=n_users)
    return mean, np.sqrt((squares + PSEUDO * spread) / (count + PSEUDO))


def _conformity(history: History, n_items: int, n_users: int) -> Floats:
    """exp(-d / s): d the mean distance of own ratings from the item's mean by others, s their spread.

    Item means leave the own rating out and are shrunk towards the mean of all ratings.
    """
    rated = np.isfinite(history.rating)
    user, item, rating = history.user_id[rated], history.item_id[rated], history.rating[rated]
    if not rating.size:
        return np.full(n_users, 0.5)
    count = np.bincount(item, minlength=n_items)[item]
    total = np.bincount(item, weights=rating, minlength=n_items)[item]
    others = (total - rating + PSEUDO * rating.mean()) / (count - 1 + PSEUDO)
    distance = np.bincount(user, weights=np.abs(rating - others), minlength=n_users)
    own = np.bincount(user, minlength=n_users)
    closeness = np.exp(-distance / np.maximum(own, 1) / max(float(rating.std()), 1e-9))
    return _average_where_missing(closeness, own > 0)


def _average_where_missing(values: Floats, there: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    return np.where(there, values, values[there].mean() if there.any() else 0.0)


def rows_of(history: History, user: int) -> slice:
    """Return where a user's events are in a history, which is sorted by user."""
    start, stop = np.searchsorted(history.user_id, [user, user + 1])
    return slice(int(start), int(stop))
