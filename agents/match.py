"""How well an item suits a persona."""

from dataclasses import dataclass

import numpy as np

from agents.pairs import Pairs
from agents.schema import Floats, Setting
from agents.traits import Singles, genre_matrix


@dataclass(frozen=True)
class Match:
    """How well items suit users: the mean of their tastes, as they are now, over an item's genres, 0 without any."""

    tastes: Singles
    """(users, genres)"""
    genres: Singles
    """(items, genres), rows sum to 1 (or 0)"""

    @classmethod
    def of(cls, setting: Setting) -> "Match":
        """Return the match of a setting's users and items."""
        names, member = genre_matrix(setting.items)
        share = member / np.maximum(member.sum(axis=1, keepdims=True), 1)
        return cls(setting.personas.traits.tastes_for(names), share.astype(np.float32))

    def __call__(self, pairs: Pairs) -> Floats:
        """Return one figure per pair."""
        tastes, share = self.tastes.take(pairs.user_id, axis=0), self.genres.take(pairs.item_id, axis=0)
        if pairs.drift is not None:
            tastes = tastes + pairs.drift.take(pairs.page, axis=0)
        return np.asarray(np.einsum("pg,pg->p", tastes, share), dtype=np.float64)
