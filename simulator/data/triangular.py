"""A world in which items differ in how many users took them, and in nothing else."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from agents.schema import Item
from simulator.catalog import Catalog, Interactions
from simulator.data.base import Dataset, DataSource


@dataclass
class Triangular(DataSource):
    """Take the triangular matrix: of n users and n items, counted from 1, user u took item i where u + i <= n.

    Whoever took an item also took every more popular one, so that nothing tells which of its items a user prefers: a
    recommender that ranks the popular ones first does so of itself (Rhee et al., RecSys 2022).

    size: n, the number of users and of items
    """

    size: Annotated[int, Field(ge=2)] = 200

    def load(self) -> Dataset:
        """Return the world; the last user took nothing, and nobody took the last item."""
        ids = np.arange(self.size)
        user, item = np.nonzero(ids[:, None] + ids + 2 <= self.size)
        rows = len(user)
        return Dataset(
            name="triangular",
            catalog=Catalog(tuple(Item(i, f"item {i}", ()) for i in range(self.size)), tuple(f"i{i}" for i in ids)),
            interactions=Interactions(user, item, np.ones(rows), np.zeros(rows), np.zeros(rows, dtype=np.bool_)),
            users=tuple(f"u{u}" for u in ids),
            scale=(0.0, 1.0, 1.0),
            epoch=0.0,
            identity={"name": "triangular", "version": "1", "parameters": {"size": self.size}, "rows": rows},
        )
