"""Personas measured from what real users did."""

from dataclasses import dataclass

import numpy as np

from agents.errors import InvalidInput
from agents.persona import favorites_of, measure, portray, rows_of
from agents.personas.base import PersonaSource
from agents.schema import Draws, Floats, History, Ints, Item, Persona


@dataclass
class FromHistory(PersonaSource):
    """Learn each persona from one real user's training history."""

    def make(
        self,
        source_user: Ints,
        names: tuple[str, ...],
        history: History,
        items: tuple[Item, ...],
        popularity: Floats,
        draws: Draws,
    ) -> tuple[Persona, ...]:
        """Return the personas in the order of ``source_user``; raise InvalidInput for an invented one."""
        if np.any(source_user < 0):
            raise InvalidInput("persona from_history needs a real user for every simulated one; use kind: sampled")
        traits = measure(history, items, popularity, len(names))
        made = []
        for user_id, real in enumerate(source_user.tolist()):
            rows = rows_of(history, real)
            taken, rating = history.item_id[rows], history.rating[rows]
            made.append(
                portray(
                    user_id,
                    f"user {names[real]}",
                    traits,
                    real,
                    items,
                    favorites=favorites_of(taken, rating),
                    history=taken.tolist(),
                    source=names[real],
                )
            )
        return tuple(made)
