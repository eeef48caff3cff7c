"""Run one world in this process: users on their own clocks under bounded lag, or all on one shared clock."""

import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple

import numpy as np
import simpy

from agents.population import Population
from agents.schema import Decisions, Floats, Ints
from simulator.checkpoint import Checkpoint, prefixed
from simulator.commits import CommitLog
from simulator.execution.collector import rarely_collecting
from simulator.execution.desk import Desk, Exchange, Tally
from simulator.recommenders.base import State, under
from simulator.session import life
from simulator.window import Horizon, Version
from simulator.world import Shown, Turned, World

FOLDED = ("user_id", "now", "item_id", "action", "rating")
"""What of a page becomes known to the platform."""

AtCommit = Callable[[Desk, float], None]
"""Called after each committed window with the desk and the simulated minute; may raise to stop the run."""


class Lagged(Desk):
    """Users under bounded lag: whoever talks to a language model on a SimPy clock of its own, the rest as columns.

    A user may act while the window ``lag`` before its own is committed. Among the clocks that may
    advance the earliest goes first; the smallest always may, so nothing deadlocks. Columns are moved
    as far as they may go. A window is committed when everybody has passed it.
    """

    def __init__(
        self, world: World, population: Population, exchange: Exchange, log: CommitLog, checkpoint: Checkpoint
    ) -> None:
        super().__init__(world, population, exchange)
        self._log = log
        self._checkpoint = checkpoint
        platform = world.scenario.platform
        self._end = world.scenario.days * 1440.0
        self._horizon = Horizon(platform.window, platform.visibility_lag, world.version)
        self._clocks: dict[int, simpy.Environment] = {}
        self._next: list[tuple[float, int]] = []
        self._moment: Floats = np.array(self._first_visits)
        """When each user without a clock acts next; infinity for the others."""
        self._moment[self._clocked()] = math.inf
        self._first = self._moment.min()
        """The earliest of these moments."""

    def _clocked(self) -> Ints | slice:
        return self.world.cast.talkers() if self.world.scenario.engine.columns else slice(None)

    def visible(self, now: Floats) -> tuple[Sequence[Version], Ints]:
        """Return the versions committed ``lag`` windows earlier."""
        return self._horizon.visible(now)

    @property
    def limit(self) -> float:
        """Return the moment before which users may act."""
        return min(self._horizon.limit, self._end)

    @rarely_collecting()
    def run(self, at_commit: AtCommit) -> None:
        """Let time pass until everybody has reached the end."""
        clocked = np.flatnonzero(np.isinf(self._moment)).tolist()
        if not clocked:
            self._take_up()
        for user in clocked:
            clock = self._clocks[user] = simpy.Environment()
            clock.process(life(user, self, clock))
            self._advance([user])
        while self._horizon.committed + 1 < math.ceil(self._end / self._horizon.window):
            moved = self._advance_ready() + self._advance(self.answer())
            self._step_columns()
            if self.talking:
                moved += self._advance(self.collect(block=not moved))
            self._commit_passed(at_commit)

    def _step_columns(self) -> None:
        """Move everybody without a clock to the limit, page after page."""
        while self._first < self.limit:
            rows = np.flatnonzero(self._moment < self.limit)
            for turned in self.turn(rows, self._moment[rows]):
                self._moment[turned.user_id] += turned.minutes + turned.away
            self._first = self._moment.min()

    def _advance_ready(self) -> int:
        ready, limit = [], self.limit
        while self._next and self._next[0][0] < limit:
            ready.append(heapq.heappop(self._next)[1])
        return self._advance(ready)

    def _advance(self, users: Iterable[int]) -> int:
        """Let users act until each waits for an answer or for a later window; return how many moved."""
        moved, limit = 0, self.limit
        for user in users:
            clock = self._clocks[user]
            while (moment := clock.peek()) < limit:
                clock.step()
            if moment < math.inf:
                heapq.heappush(self._next, (moment, user))
            moved += 1
        return moved

    def _commit_passed(self, at_commit: AtCommit) -> None:
        """Commit every window that all clocks, columns and outstanding questions have passed."""
        if self._waiting:
            return
        clocks = self._next[0][0] if self._next else math.inf
        earliest = min(clocks, self.earliest_talk(), self._first, self._end)
        window = self._horizon.window
        while (self._horizon.committed + 2) * window <= earliest or (
            earliest == self._end and self._horizon.committed + 1 < math.ceil(self._end / window)
        ):
            self._commit(self._horizon.committed + 1)
            at_commit(self, min((self._horizon.committed + 1) * window, self._end))
            if not self._clocks and self._checkpoint.due():
                self._log.seal()
                self._checkpoint.save(self._state())

    def _commit(self, window: int) -> None:
        """Fold a window's events, let the platform's own clock run, and make both durable."""
        pages = self.world.record.pages(window)
        if pages is not None:
            user_id, now, item_id, action, rating = (pages[name] for name in FOLDED)
            self.world.fold(user_id, now, item_id, action, rating, pages.get("feedback"))
        self.world.env.run(until=(window + 1) * self._horizon.window)
        tables = self.world.record.tables(window, pages)
        self._log.commit(window, tables)
        self._horizon.commit(self.world.version)

    def _state(self) -> State:
        """Return where everything stands at the end of a window, which clocks and conversations could not say."""
        return (
            {"moment": self._moment, "tally": np.array(astuple(self.tally))}
            | prefixed("world", self.world.state())
            | prefixed("horizon", self._horizon.state())
            | prefixed("log", self._log.state())
        )

    def _take_up(self) -> None:
        """Go on from the latest checkpoint, if there is one and the log reaches that far."""
        state = self._checkpoint.load()
        if state is None or not self._log.load_state(under("log.", state)):
            return
        self._horizon.load_state(under("horizon.", state), self.world.fitted)
        self.world.load_state(under("world.", state), self._horizon.latest)
        self._moment = np.array(state["moment"])
        self._first = self._moment.min()
        self.tally = Tally(*state["tally"].tolist())


class Strict(Desk):
    """All users on the platform's own clock: what one does the next one sees. Serial, by definition."""

    def __init__(
        self, world: World, population: Population, exchange: Exchange, log: CommitLog, _checkpoint: Checkpoint
    ) -> None:
        super().__init__(world, population, exchange)
        self._log = log
        self._window = world.scenario.platform.window

    def visible(self, now: Floats) -> tuple[Sequence[Version], Ints]:
        """Return the live state."""
        return [self.world.version], np.zeros(len(now), dtype=np.int64)

    @rarely_collecting()
    def run(self, at_commit: AtCommit) -> None:
        """Let time pass, answering each question as it is asked."""
        end, window, env = self.world.scenario.days * 1440.0, 0, self.world.env
        for user in range(len(self.world.cohort)):
            env.process(life(user, self, env))
        while window < math.ceil(end / self._window):
            while env.peek() < min((window + 1) * self._window, end):
                env.step()
                self.answer()
                while self.talking:
                    self.collect(block=True)
            pages = self.world.record.pages(window)
            tables = self.world.record.tables(window, pages)
            self._log.commit(window, tables)
            window += 1
            at_commit(self, min(window * self._window, end))

    def _decided(self, shown: Shown, decisions: Decisions, call_id: Sequence[str] = ()) -> Turned:
        """Fold pages at once."""
        turned = super()._decided(shown, decisions, call_id)
        pages = shown.look.pages
        self.world.fold(pages.user_id, pages.now, pages.item_id, decisions.action, decisions.rating, decisions.feedback)
        return turned
