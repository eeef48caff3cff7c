"""What is on offer, and what was done with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from agents.schema import Bools, Floats, Ints, Item


@dataclass(frozen=True)
class Catalog:
    """All items; ``items[i].item_id == i``. ``names`` are their ids in the outside data."""

    items: tuple[Item, ...]
    names: tuple[str, ...]
    released: Floats | None = None
    """Minute from which each item is on offer; None: all are from the start."""

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def genres(self) -> tuple[str, ...]:
        """Return all genre names in alphabetical order."""
        return tuple(sorted({genre for item in self.items for genre in item.genres}))

    @cached_property
    def genre_matrix(self) -> Floats:
        """Return the (items, genres) 0/1 matrix in the order of ``genres``."""
        column = {genre: g for g, genre in enumerate(self.genres)}
        matrix = np.zeros((len(self.items), len(column)))
        for item in self.items:
            for genre in item.genres:
                matrix[item.item_id, column[genre]] = 1.0
        return matrix


@dataclass(frozen=True)
class Interactions:
    """Who took what when, sorted stably by (time, original row); missing ratings are NaN.

    ``time`` is minutes, 0 the start of the simulation (data sets end at 0 or before).
    """

    user_id: Ints
    item_id: Ints
    rating: Floats
    time: Floats
    is_synthetic: Bools

    def __len__(self) -> int:
        return len(self.user_id)

    def take(self, rows: npt.NDArray[np.intp] | Bools) -> "Interactions":
        """Return the rows selected by indices or a mask, in that order."""
        return Interactions(
            self.user_id[rows], self.item_id[rows], self.rating[rows], self.time[rows], self.is_synthetic[rows]
        )

    @staticmethod
    def concatenate(parts: Iterable["Interactions"]) -> "Interactions":
        """Return all parts in one, sorted stably by time."""
        every = list(parts)
        columns = (np.concatenate([getattr(part, name) for part in every]) for name in Interactions.__annotations__)
        whole = Interactions(*columns)
        return whole.take(np.argsort(whole.time, kind="stable"))

    def by_user(self, n_users: int) -> tuple[npt.NDArray[np.intp], Ints]:
        """Return (rows, offsets): rows of user u in time order are ``rows[offsets[u]:offsets[u+1]]``."""
        rows = np.argsort(self.user_id, kind="stable")
        offsets = np.searchsorted(self.user_id[rows], np.arange(n_users + 1))
        return rows, offsets.astype(np.int64)

    def counts(self, n_items: int) -> Floats:
        """Return how often each item was taken."""
        return np.bincount(self.item_id, minlength=n_items).astype(np.float64)
