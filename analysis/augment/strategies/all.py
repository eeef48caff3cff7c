"""Everything."""

from dataclasses import dataclass

import numpy as np

from analysis.augment.strategies.base import Mask, Material, Strategy


@dataclass
class All(Strategy):
    """Take every simulated interaction."""

    def choose(self, material: Material) -> Mask:
        """Return true for every row."""
        return np.ones(len(material.rows), dtype=np.bool_)
