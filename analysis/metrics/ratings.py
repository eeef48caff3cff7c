"""Ratings as opinions: what users say of the items of a genre."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agents.schema import Bools, Floats, Ints
from analysis.metrics.base import sums_by


@dataclass(frozen=True)
class Ratings:
    """Ratings that users gave, row by row, in the order they were given."""

    user: Ints
    item: Ints
    rating: Floats
    n_users: int
    scale: tuple[float, float]
    """The lowest and the highest rating known."""

    def of(self, items: Bools) -> Floats:
        """Return each user's mean rating of some items, every rating counted; NaN where it gave none.

        >>> given = Ratings(np.array([0, 0, 1]), np.array([5, 6, 6]), np.array([1.0, 4.0, 2.0]), 3, (1.0, 5.0))
        >>> given.of(np.arange(7) >= 5).tolist()
        [2.5, 2.0, nan]
        """
        about = items[self.item]
        user = self.user[about]
        times = np.bincount(user, minlength=self.n_users).astype(np.float64)
        times[times == 0] = np.nan
        return sums_by(user, self.rating[about], self.n_users) / times

    def joined(self, later: Sequence["Ratings"]) -> "Ratings":
        """Return these ratings, and those given later."""
        parts = (self, *later)
        user, item = (np.concatenate([getattr(part, name) for part in parts]) for name in ("user", "item"))
        return replace(self, user=user, item=item, rating=np.concatenate([part.rating for part in parts]))
