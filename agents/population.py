"""Everyone who is simulated, as Mesa sees them."""

import mesa

from agents.memory import Memory
from agents.schema import Setting
from agents.user import UserAgent


class Population(mesa.Model):  # type: ignore[misc]  # mesa is untyped
    """The Mesa model that owns who exists; when things happen is the simulator's business.

    A user becomes an agent when it is first asked for: a million agents would cost seconds and half
    a gigabyte, and only users who talk need one. Mesa's own generators are seeded with a constant
    and never used: users draw by key.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__(seed=0)
        self._setting = setting
        self._users: dict[int, UserAgent] = {}

    def user(self, user_id: int) -> UserAgent:
        """Return the agent that plays a user."""
        user = self._users.get(user_id)
        if user is None:
            setting = self._setting
            memory = Memory(setting.memory_tokens)
            user = UserAgent(self, user_id, setting.personas[user_id], memory, setting.draws)
            self._users[user_id] = user
        return user
