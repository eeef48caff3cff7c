"""The agent that plays one user who talks: persona, memory, and its own draws."""

from typing import TYPE_CHECKING, NoReturn

import mesa

from agents.schema import Draws, Persona

if TYPE_CHECKING:
    from agents.population import Population


class UserAgent(mesa.Agent):  # type: ignore[misc]  # mesa is untyped
    """One simulated user, beyond what columns hold (``cohort.Cohort``: mood, counters, exposures).

    ``user_id`` is the user's id everywhere; Mesa's ``unique_id`` counts from 1 per population and
    is never used. Attribute names stay clear of Mesa's (model, pos, random, rng, step, unique_id).
    """

    def __init__(self, model: "Population", user_id: int, persona: Persona, draws: Draws) -> None:
        super().__init__(model)
        self.user_id = user_id
        self.persona = persona
        self._draws = draws

    @property
    def rng(self) -> Draws:
        """Return the user's keyed draws; Mesa's shared generator would depend on the order of calls."""
        return self._draws

    @property
    def memory(self) -> list[str]:
        """Return all that the user remembers, oldest first; kept as columns, for all users together."""
        memory: list[str] = self.model.memories.of(self.user_id)
        return memory

    @property
    def random(self) -> NoReturn:
        """Refuse: numbers drawn in order of arrival would make runs depend on timing."""
        raise AttributeError("users draw by key; use UserAgent.rng")
