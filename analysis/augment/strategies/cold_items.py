"""Interactions for items that have none, or few."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from analysis.augment.strategies.base import Mask, Material, Strategy


@dataclass
class ColdItems(Strategy):
    """Take what simulated users did with items that the real training rows hardly know.

    at_most: training rows that an item may have and still be cold.
    """

    at_most: Annotated[int, Field(ge=0)] = 5

    def choose(self, material: Material) -> Mask:
        """Return true for rows of cold items."""
        cold = material.source.item_rows <= self.at_most
        return np.asarray(material.rows["item"].isin(cold.index[cold]))
