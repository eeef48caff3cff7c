"""Items that come on offer while time passes."""

from dataclasses import dataclass

import numpy as np

from agents.schema import Floats, Ints
from simulator.catalog import Catalog


@dataclass(frozen=True)
class Arrivals:
    """The catalog in the order in which its items come on offer."""

    item: Ints
    moment: Floats
    """When each does, ascending."""

    @classmethod
    def of(cls, catalog: Catalog) -> "Arrivals | None":
        """Return the arrivals of a catalog, None where everything is there from the start."""
        if catalog.released is None:
            return None
        order = np.argsort(catalog.released, kind="stable")
        return cls(order, catalog.released[order])

    def absent(self, now: Floats) -> tuple[Ints, Ints]:
        """Return what is not on offer yet at each moment: ``items[starts[b]:starts[b + 1]]`` at ``now[b]``."""
        here = np.searchsorted(self.moment, now, side="right")
        size = len(self.item) - here
        begins = np.concatenate([[0], np.cumsum(size)])
        place = np.arange(begins[-1]) + np.repeat(here - begins[:-1], size)
        return self.item[place], begins
