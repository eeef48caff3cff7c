"""The cells of pages that matter, laid flat: users read half of a slate and watch a tenth of that."""

from dataclasses import dataclass

import numpy as np

from agents.schema import Bools, Floats, Ints, Pages
from agents.traits import Singles


@dataclass(frozen=True, slots=True)
class Pairs:
    """Users and items that meet on a batch of pages, one row a pair, in the order of pages and positions.

    ``cell`` is the pair's place in the (B, K) columns laid flat, ``page`` its row among the pages.
    """

    cell: Ints
    page: Ints
    user_id: Ints
    decision: Ints
    item_id: Ints
    popularity: Floats
    exposures: Ints
    told: Ints | None = None
    drift: Singles | None = None
    """(pages, genres) how far the tastes of each PAGE's user have moved."""

    @classmethod
    def of(cls, pages: Pages, chosen: Bools) -> "Pairs":
        """Return the pairs where ``chosen`` (B, K) holds."""
        cell = np.flatnonzero(chosen)
        page = np.repeat(np.arange(len(chosen)), np.count_nonzero(chosen, axis=1))
        return cls(
            cell=cell,
            page=page,
            user_id=pages.user_id.take(page),
            decision=pages.decision.take(page),
            item_id=pages.item_id.ravel().take(cell),
            popularity=pages.popularity.ravel().take(cell),
            exposures=pages.exposures.ravel().take(cell),
            told=None if pages.told is None else pages.told.ravel().take(cell),
            drift=pages.drift,
        )

    def only(self, chosen: Bools) -> "Pairs":
        """Return the pairs where ``chosen`` holds, one entry a pair."""
        rows = np.flatnonzero(chosen)
        return Pairs(
            self.cell.take(rows),
            self.page.take(rows),
            self.user_id.take(rows),
            self.decision.take(rows),
            self.item_id.take(rows),
            self.popularity.take(rows),
            self.exposures.take(rows),
            None if self.told is None else self.told.take(rows),
            self.drift,
        )
