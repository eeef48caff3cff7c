"""Interactions with items that few take."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from analysis.augment.strategies.base import Mask, Material, Strategy
from analysis.metrics.strata import HEAD_SHARE, head_tail


@dataclass
class Tail(Strategy):
    """Take what simulated users did with the long tail: all items but the head of the 80 % rule.

    head: share of the real training rows that the most popular items, which are left out, hold.
    """

    head: Annotated[float, Field(gt=0, lt=1)] = HEAD_SHARE

    def choose(self, material: Material) -> Mask:
        """Return true for rows of items outside the head."""
        popularity = material.source.item_rows
        tail = head_tail(popularity.to_numpy().astype(np.float64), self.head).tail
        return np.asarray(material.rows["item"].isin(popularity.index[tail]))
