"""Interactions of users who have none, or few."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from analysis.augment.strategies.base import Mask, Material, Strategy


@dataclass
class ColdUsers(Strategy):
    """Take what those simulated users did whose real training rows are few; invented users have none.

    at_most: training rows that a user may have and still be cold.
    """

    at_most: Annotated[int, Field(ge=0)] = 20

    def choose(self, material: Material) -> Mask:
        """Return true for rows of cold users."""
        rows = material.source.user_rows.reindex(material.rows["user"], fill_value=0)
        return np.asarray(rows <= self.at_most)
