"""The agent that plays one user: persona, memory, mood, behavior, and its own draws."""

from typing import TYPE_CHECKING, NoReturn

import mesa
import numpy as np

from agents.behaviors.base import Behavior
from agents.memory import Memory
from agents.mood import CONTENT, RESTED, calmed, pleased, rested, tired
from agents.rhythm import next_visit
from agents.schema import Action, Decision, Draws, Item, Observation, Persona

if TYPE_CHECKING:
    from agents.population import Population


class UserAgent(mesa.Agent):  # type: ignore[misc]  # mesa is untyped
    """One simulated user.

    ``user_id`` is the user's id everywhere; Mesa's ``unique_id`` counts from 1 per population and
    is never used. ``decisions`` and ``visits`` count what was begun; with the user id they key
    every draw. Attribute names stay clear of Mesa's (model, pos, random, rng, step, unique_id).
    """

    def __init__(
        self,
        model: "Population",
        user_id: int,
        persona: Persona,
        behavior: Behavior,
        memory: Memory,
        draws: Draws,
        sessions_per_day: float,
        scale: tuple[float, float, float],
    ) -> None:
        super().__init__(model)
        self.user_id = user_id
        self.persona = persona
        self.behavior = behavior
        self.memory = memory
        self.fatigue = RESTED
        self.satisfaction = CONTENT
        self.decisions = 0
        self.visits = 0
        self.exposures: dict[int, int] = {}
        self._draws = draws
        self._visits_per_day = persona.activity * sessions_per_day
        self._scale = scale
        self._last = 0.0

    @property
    def rng(self) -> Draws:
        """Return the user's keyed draws; Mesa's shared generator would depend on the order of calls."""
        return self._draws

    @property
    def random(self) -> NoReturn:
        """Refuse: numbers drawn in order of arrival would make runs depend on timing."""
        raise AttributeError("users draw by key; use UserAgent.rng")

    def next_visit(self, now: float) -> float:
        """Return the moment of the next visit, a multiple of 1/1024 minute later than ``now``."""
        return float(next_visit(now, self._visits_per_day, self._draws.uniform("visit", self.user_id, self.visits)))

    def begin_session(self, now: float) -> None:
        """Start a visit: time away has rested the user."""
        away = now - self._last
        self.fatigue = float(rested(self.fatigue, away))
        self.satisfaction = float(calmed(self.satisfaction, away))
        self._last = now
        self.visits += 1

    def observe(
        self, now: float, session_id: int, page: int, items: tuple[Item, ...], popularity: tuple[float, ...]
    ) -> Observation:
        """Return a page as this user sees it."""
        return Observation(
            user_id=self.user_id,
            now=now,
            session_id=session_id,
            page=page,
            decision=self.decisions,
            items=items,
            popularity=popularity,
            exposures=tuple(self.exposures.get(item.item_id, 0) for item in items),
            fatigue=self.fatigue,
            satisfaction=self.satisfaction,
        )

    def recall(self, observation: Observation) -> str:
        """Return what the user remembers that bears on a page."""
        return self.memory.recall(observation.now, observation.items)

    def experience(self, observation: Observation, decision: Decision) -> None:
        """Live with a decision: remember, tire, be pleased or not."""
        self.decisions += 1
        given = zip(observation.items, decision.actions, decision.ratings, strict=True)
        read = 0
        levels = []
        for item, action, rating in given:
            if action == Action.UNSEEN:
                continue
            read += 1
            self.exposures[item.item_id] = self.exposures.get(item.item_id, 0) + 1
            self.memory.remember(observation.now, item, action, rating)
            if action == Action.WATCH:
                levels.append(self._level(rating))
        self.fatigue = float(tired(self.fatigue, read))
        level = float(np.mean(levels)) if levels else 0.0
        self.satisfaction = float(pleased(self.satisfaction, read, len(levels), level))
        self._last = observation.now + sum(decision.dwell)

    def _level(self, rating: float) -> float:
        """Return a rating as a share of its scale; what was watched without one counts as middling."""
        lowest, highest, _ = self._scale
        return (rating - lowest) / (highest - lowest) if rating == rating else CONTENT
