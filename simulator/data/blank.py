"""A platform on its first day: nobody has taken anything."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from agents.schema import Item
from simulator.catalog import Catalog, Interactions
from simulator.data.base import Dataset, DataSource

NONE = np.zeros(0, dtype=np.int64)


@dataclass
class Blank(DataSource):
    """List items of which nothing is known, and users who have taken none; what users want is their behavior's business.

    items: the number of items
    users: the number of users
    """

    items: Annotated[int, Field(ge=1)] = 100
    users: Annotated[int, Field(ge=1)] = 100

    def load(self) -> Dataset:
        """Return the world; its users are simulated only where ``min_interactions`` is 0."""
        size = {"items": self.items, "users": self.users}
        nothing = np.zeros(0)
        return Dataset(
            name="blank",
            catalog=Catalog(
                tuple(Item(i, f"item {i}", ()) for i in range(self.items)), tuple(f"i{i}" for i in range(self.items))
            ),
            interactions=Interactions(NONE, NONE, nothing, nothing, np.zeros(0, dtype=np.bool_)),
            users=tuple(f"u{u}" for u in range(self.users)),
            scale=(1.0, 5.0, 1.0),
            epoch=0.0,
            identity={"name": "blank", "version": "1", "parameters": size, "rows": 0},
        )
