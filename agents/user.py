"""The agent that plays one user who talks: persona, memory, and its own draws."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import mesa

from agents.memory import Memory
from agents.schema import Action, Draws, Observation, Persona

if TYPE_CHECKING:
    from agents.population import Population


class UserAgent(mesa.Agent):  # type: ignore[misc]  # mesa is untyped
    """One simulated user, beyond what its columns hold (``cohort.Cohort``: mood, counters, exposures).

    ``user_id`` is the user's id everywhere; Mesa's ``unique_id`` counts from 1 per population and
    is never used. Attribute names stay clear of Mesa's (model, pos, random, rng, step, unique_id).
    """

    def __init__(self, model: "Population", user_id: int, persona: Persona, memory: Memory, draws: Draws) -> None:
        super().__init__(model)
        self.user_id = user_id
        self.persona = persona
        self.memory = memory
        self._draws = draws

    @property
    def rng(self) -> Draws:
        """Return the user's keyed draws; Mesa's shared generator would depend on the order of calls."""
        return self._draws

    @property
    def random(self) -> NoReturn:
        """Refuse: numbers drawn in order of arrival would make runs depend on timing."""
        raise AttributeError("users draw by key; use UserAgent.rng")

    def recall(self, seen: Observation) -> str:
        """Return what the user remembers that bears on a page."""
        return self.memory.recall(seen.now, seen.items)

    def remember(self, seen: Observation, actions: Sequence[int], ratings: Sequence[float]) -> None:
        """Keep what the user did with each item of a page (codes of ``Action``; what exceeds the page is ignored)."""
        for item, action, rating in zip(seen.items, actions, ratings, strict=False):
            self.memory.remember(seen.now, item, Action(action), rating)
