"""Personas measured from what real users did."""

from dataclasses import dataclass

import numpy as np

from agents.errors import InvalidInput
from agents.persona import Personas
from agents.personas.base import PersonaSource
from agents.schema import Draws, Floats, History, Ints, Item
from agents.traits import measure


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
    ) -> Personas:
        """Return the personas in the order of ``source_user``; raise InvalidInput for an invented one."""
        if np.any(source_user < 0):
            raise InvalidInput("persona from_history needs a real user for every simulated one; use kind: sampled")
        traits = measure(history, items, popularity, len(names)).take(source_user)
        return Personas(traits, source_user, items, history, names)
