"""A platform on its first day: nobody has taken anything."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from agents.schema import Floats, Item
from simulator.catalog import Catalog, Interactions
from simulator.data.base import Dataset, DataSource
from simulator.seeds import Streams

DAY = 1440.0
NOBODY = np.zeros(0, dtype=np.int64)


@dataclass
class Blank(DataSource):
    """List items that nobody has taken, and users who have taken none; what users want is their behavior's business.

    items: the number of items
    users: the number of users
    genres: the number of genres, of which each item has one by lot (0: items have none)
    arriving: items that come on offer each day, the first at time 0 (0: all are there from the start)
    """

    items: Annotated[int, Field(ge=1)] = 100
    users: Annotated[int, Field(ge=1)] = 100
    genres: Annotated[int, Field(ge=0)] = 0
    arriving: Annotated[int, Field(ge=0)] = 0

    def load(self) -> Dataset:
        """Return the world; its users are simulated only where ``min_interactions`` is 0."""
        size = {name: getattr(self, name) for name in ("items", "users", "genres", "arriving")}
        nothing = np.zeros(0)
        return Dataset(
            name="blank",
            catalog=Catalog(self._items(), tuple(f"i{i}" for i in range(self.items)), self._released()),
            interactions=Interactions(NOBODY, NOBODY, nothing, nothing, np.zeros(0, dtype=np.bool_)),
            users=tuple(f"u{u}" for u in range(self.users)),
            scale=(1.0, 5.0, 1.0),
            epoch=0.0,
            identity={"name": "blank", "version": "1", "parameters": size, "rows": 0},
        )

    def _items(self) -> tuple[Item, ...]:
        drawn = np.floor(self.genres * Streams(0).uniform("blank genre", np.arange(self.items))).astype(int).tolist()
        return tuple(Item(i, f"item {i}", (f"genre {g:02d}",) if self.genres else ()) for i, g in enumerate(drawn))

    def _released(self) -> Floats | None:
        return (np.arange(self.items) // self.arriving).astype(np.float64) * DAY if self.arriving else None
