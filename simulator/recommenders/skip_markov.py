"""Transitions between items a few steps apart: the training-free baseline every sequential method must beat."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from scipy import sparse

from agents.schema import Floats, Ints
from simulator.catalog import Interactions
from simulator.recommenders.base import Requests
from simulator.recommenders.linear import ItemToItem, decayed_history


@dataclass
class SkipMarkov(ItemToItem):
    """Recommend what followed the newest items of the history, counted over decayed gaps.

    recency: weight of a history entry relative to the next newer one.
    last: newest entries of the history that count.
    gaps: how far apart two items of one user may be to count as a transition.
    gap_decay: weight of a gap relative to the next shorter one.
    popularity_exponent: columns are divided by popularity to this power.
    """

    sequential: ClassVar[bool] = True

    recency: Annotated[float, Field(gt=0, le=1)] = 0.6
    last: Annotated[int, Field(ge=1)] = 5
    gaps: Annotated[int, Field(ge=1)] = 5
    gap_decay: Annotated[float, Field(gt=0, le=1)] = 0.7
    popularity_exponent: Annotated[float, Field(ge=0)] = 0.4

    def weights(self, log: Interactions, n_items: int) -> sparse.csr_array:
        """Return decayed counts, rows divided by the root of their sum, columns by popularity^exponent."""
        source, target, weight = transitions(log, self.gaps, self.gap_decay)
        counts = sparse.csr_array((weight, (source, target)), shape=(n_items, n_items))
        rows = np.sqrt(np.maximum(counts.sum(axis=1), 1e-12))
        columns = np.maximum(log.counts(n_items), 1.0) ** self.popularity_exponent
        return sparse.csr_array(sparse.diags_array(1 / rows) @ counts @ sparse.diags_array(1 / columns))

    def profile(self, requests: Requests, n_items: int) -> sparse.csr_array:
        """Return the newest entries of each history, decayed."""
        return decayed_history(requests, n_items, self.recency, self.last)


def transitions(log: Interactions, gaps: int, decay: float) -> tuple[Ints, Ints, Floats]:
    """Return (from, to, decay^(gap-1)) for every two items of one user at most ``gaps`` apart in time order."""
    order = np.argsort(log.user_id, kind="stable")
    user, item = log.user_id[order], log.item_id[order]
    found = []
    for gap in range(1, gaps + 1):
        same = user[:-gap] == user[gap:]
        found.append((item[:-gap][same], item[gap:][same], np.full(same.sum(), decay ** (gap - 1))))
    source, target, weight = (np.concatenate(column) for column in zip(*found, strict=True))
    return source, target, weight
