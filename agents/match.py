"""How well an item suits a persona."""

from dataclasses import dataclass

import numpy as np

from agents.persona import genre_matrix
from agents.schema import Floats, Pages, Setting


@dataclass(frozen=True)
class Match:
    """How well items suit users: the mean of a persona's tastes over an item's genres, 0 without any."""

    tastes: Floats
    """(users, genres)"""
    genres: Floats
    """(items, genres), rows sum to 1 (or 0)"""

    @classmethod
    def of(cls, setting: Setting) -> "Match":
        """Return the match of a setting's users and items."""
        names, member = genre_matrix(setting.items)
        tastes = [[persona.tastes.get(name, 0.0) for name in names] for persona in setting.personas]
        return cls(
            np.array(tastes).reshape(len(tastes), len(names)), member / np.maximum(member.sum(axis=1, keepdims=True), 1)
        )

    def __call__(self, pages: Pages) -> Floats:
        """Return (B, K)."""
        return np.asarray(np.einsum("bkg,bg->bk", self.genres[pages.item_id], self.tastes[pages.user_id]))
