"""Everyone who is simulated, as Mesa sees them."""

import mesa
import numpy as np

from agents.memory import Memories, Operations
from agents.schema import Bools, Decisions, Ints, Pages, Setting
from agents.user import UserAgent


class Population(mesa.Model):  # type: ignore[misc]  # mesa is untyped
    """The Mesa model that owns who exists; when things happen is the simulator's business.

    A user becomes an agent when it is first asked for, or remembers: a million agents would cost
    seconds and half a gigabyte, and only users who talk need one. Mesa's own generators are seeded
    with a constant and never used: users draw by key.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__(seed=0)
        self._setting = setting
        self._users: dict[int, UserAgent] = {}
        self.memories = Memories(
            len(setting.personas),
            setting.items,
            setting.memory_tokens,
            vectors=setting.vectors,
            surprise=setting.surprise,
        )

    def user(self, user_id: int) -> UserAgent:
        """Return the agent that plays a user."""
        user = self._users.get(user_id)
        if user is None:
            user = self._users[user_id] = UserAgent(self, user_id, self._setting.personas[user_id], self._setting.draws)
        return user

    def looking_back(self, pages: Pages, visit: Ints) -> Bools:
        """Tell who reflects before it looks at its page: at every n-th visit, and at the next one after a surprise."""
        every = self._setting.reflect_every
        due = self.memories.surprised(pages.user_id)
        if every:
            due |= visit % every == 0
        return np.asarray(due & (pages.page == 1) & self.memories.knows(pages.user_id))

    def reflect(self, user_id: int, now: float, insight: str) -> Operations:
        """Let a user keep an insight; return what was done with its memory."""
        return self.memories.reflect(user_id, now, insight)

    def recall(self, pages: Pages) -> list[str]:
        """Return what each page's user remembers that bears on it."""
        return self.memories.recall(pages)

    def remember(self, pages: Pages, decisions: Decisions) -> Operations:
        """Let each page's user keep what it did with the items it read; return what was done with memories."""
        for user_id in pages.user_id.tolist():
            if user_id not in self._users:
                self.user(user_id)
        return self.memories.remember(pages, decisions)
