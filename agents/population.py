"""Everyone who is simulated one by one."""

from collections.abc import Sequence

import mesa

from agents.behaviors.base import Behavior
from agents.memory import Memory
from agents.schema import Persona, Setting
from agents.user import UserAgent


class Population(mesa.Model):  # type: ignore[misc]  # mesa is untyped
    """The Mesa model that owns who exists; when things happen is the simulator's business.

    Mesa's own generators are seeded with a constant and never used: users draw by key.
    """

    def __init__(self, personas: Sequence[Persona], behaviors: Sequence[Behavior], setting: Setting) -> None:
        super().__init__(seed=0)
        self.users: tuple[UserAgent, ...] = tuple(
            UserAgent(
                self,
                user_id,
                persona,
                behavior,
                Memory(setting.memory_tokens),
                setting.draws,
                setting.sessions_per_day,
                setting.scale,
            )
            for user_id, (persona, behavior) in enumerate(zip(personas, behaviors, strict=True))
        )
        """In order of user id."""

    def user(self, user_id: int) -> UserAgent:
        """Return the agent that plays a user."""
        return self.users[user_id]
