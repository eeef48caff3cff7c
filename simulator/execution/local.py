"""Run one world in this process: users on their own clocks under bounded lag, or all on one shared clock."""

import heapq
import math
from collections.abc import Callable, Iterable

import simpy

from agents.population import Population
from agents.user import UserAgent
from simulator.commits import CommitLog
from simulator.execution.desk import Desk, Exchange
from simulator.record import PageShown
from simulator.session import life
from simulator.window import Horizon, Version
from simulator.world import World

AtCommit = Callable[[Desk, float], None]
"""Called after each committed window with the desk and the simulated minute; may raise to stop the run."""


class Lagged(Desk):
    """Users on their own SimPy clocks.

    Among the users who may act the earliest goes first; the user with the smallest clock always
    may, so nothing deadlocks. A window is committed when every clock has passed it.
    """

    def __init__(self, world: World, population: Population, exchange: Exchange, log: CommitLog) -> None:
        super().__init__(world, exchange)
        self._log = log
        self._end = world.scenario.days * 1440.0
        self._horizon = Horizon(world.scenario.platform.window, world.scenario.platform.visibility_lag, world.version)
        self._clocks: dict[int, simpy.Environment] = {}
        self._next: list[tuple[float, int]] = []
        self._users = {user.user_id: user for user in population.users}

    def visible(self, now: float) -> Version:
        """Return the version committed ``lag`` windows earlier."""
        return self._horizon.visible(now)

    def run(self, at_commit: AtCommit) -> None:
        """Let time pass until every clock has reached the end."""
        for user in self._users.values():
            clock = self._clocks[user.user_id] = simpy.Environment()
            clock.process(life(user, self, clock))
            self._advance([user])
        while self._horizon.committed + 1 < math.ceil(self._end / self._horizon.window):
            moved = self._advance_ready() + self._advance(self.answer_at_once())
            if self.talking:
                moved += self._advance(self.collect(block=not moved))
            self._commit_passed(at_commit)

    def _advance_ready(self) -> int:
        ready = []
        while self._next and self._next[0][0] < min(self._horizon.limit, self._end):
            ready.append(self._users[heapq.heappop(self._next)[1]])
        return self._advance(ready)

    def _advance(self, users: Iterable[UserAgent]) -> int:
        """Let users act until each waits for an answer or for a later window; return how many moved."""
        moved = 0
        for user in users:
            clock = self._clocks[user.user_id]
            limit = min(self._horizon.limit, self._end)
            while clock.peek() < limit:
                clock.step()
            if clock.peek() < math.inf:
                heapq.heappush(self._next, (clock.peek(), user.user_id))
            moved += 1
        return moved

    def _commit_passed(self, at_commit: AtCommit) -> None:
        """Commit every window that all clocks and all outstanding questions have passed."""
        if self._slates or self._pages:
            return
        earliest = min(self._next[0][0] if self._next else math.inf, self.earliest_talk(), self._end)
        window = self._horizon.window
        while (self._horizon.committed + 2) * window <= earliest or (
            earliest == self._end and self._horizon.committed + 1 < math.ceil(self._end / window)
        ):
            self._commit(self._horizon.committed + 1)
            at_commit(self, min((self._horizon.committed + 1) * window, self._end))

    def _commit(self, window: int) -> None:
        """Fold a window's events, let the platform's own clock run, and make both durable."""
        pages = self.world.record.pages(window)
        self.world.fold(pages)
        self.world.env.run(until=(window + 1) * self._horizon.window)
        tables = self.world.record.tables(window, pages)
        self.exchange.sync()
        self._log.commit(window, tables, day_ends=day_ends(window, self._horizon.window))
        self._horizon.commit(self.world.version)


class Strict(Desk):
    """All users on the platform's own clock: what one does the next one sees. Serial, by definition."""

    def __init__(self, world: World, population: Population, exchange: Exchange, log: CommitLog) -> None:
        super().__init__(world, exchange)
        self._log = log
        self._population = population
        self._window = world.scenario.platform.window

    def visible(self, now: float) -> Version:
        """Return the live state."""
        return self.world.version

    def run(self, at_commit: AtCommit) -> None:
        """Let time pass, answering each question as it is asked."""
        end, window, env = self.world.scenario.days * 1440.0, 0, self.world.env
        for user in self._population.users:
            env.process(life(user, self, env))
        while window < math.ceil(end / self._window):
            while env.peek() < min((window + 1) * self._window, end):
                env.step()
                self._answer()
            pages = self.world.record.pages(window)
            tables = self.world.record.tables(window, pages)
            self.exchange.sync()
            self._log.commit(window, tables, day_ends=day_ends(window, self._window))
            window += 1
            at_commit(self, min(window * self._window, end))

    def _answer(self) -> None:
        while self._slates or self._pages or self.talking:
            self.answer_at_once()
            while self.talking:
                self.collect(block=True)

    def keep(self, page: PageShown) -> None:
        """Fold a page at once."""
        self.world.fold([page])


def day_ends(window: int, length: float) -> bool:
    """Say whether a simulated day ends within or with a window."""
    return (window + 1) * length // 1440 > window * length // 1440
