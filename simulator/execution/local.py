"""Run one world in this process: users under bounded lag, or all on one shared clock."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from agents.schema import Decisions, Floats, Ints
from simulator.checkpoint import Checkpoint, prefixed
from simulator.commits import CommitLog
from simulator.crowd import Crowd, Shown, Turned
from simulator.execution.collector import rarely_collecting
from simulator.execution.desk import Desk, Exchange, Tally
from simulator.execution.lagged import Lagged
from simulator.recommenders.base import State, under
from simulator.session import life
from simulator.window import Version
from simulator.world import World


class Driver(Protocol):
    """Whatever lets a world's time pass."""

    world: World

    @property
    def tally(self) -> Tally:
        """Return what users did so far."""
        ...

    @property
    def diagnostics(self) -> Counter[str]:
        """Return what recommenders counted so far while they made slates."""
        ...

    def run(self, at_commit: "AtCommit") -> None:
        """Let time pass until everybody has reached the end."""
        ...


AtCommit = Callable[[Driver, float], None]
"""Called after each committed window with the driver and the simulated minute; may raise to stop the run."""


def everybody(world: World) -> Crowd:
    """Return all users of a world, beside it in this process."""
    users = range(len(world.cast.setting.personas))
    return Crowd(world.scenario, world.cast, world.opening, world.social, world.record, users)


class Local:
    """Let users advance under bounded lag; commit a window when everybody has passed it."""

    def __init__(self, world: World, exchange: Exchange, log: CommitLog, checkpoint: Checkpoint) -> None:
        self.world = world
        self._users = Lagged(everybody(world), exchange, world.version)
        self._log = log
        self._checkpoint = checkpoint

    @property
    def tally(self) -> Tally:
        """Return what users did so far."""
        return self._users.tally

    @property
    def diagnostics(self) -> Counter[str]:
        """Return what recommenders counted so far while they made slates."""
        return self._users.crowd.diagnostics

    @rarely_collecting()
    def run(self, at_commit: AtCommit) -> None:
        """Let time pass until everybody has reached the end."""
        if self._users.in_columns:
            self._take_up()
        self._users.begin()
        while self._users.horizon.committed < self.world.last_window:
            moved = self._users.advance()
            self._users.hear(block=not moved)
            if self._users.idle:
                self._commit_passed(at_commit)

    def _commit_passed(self, at_commit: AtCommit) -> None:
        """Commit every window that all clocks, columns and outstanding questions have passed."""
        horizon, passed = self._users.horizon, self._users.passed
        while self.world.over(horizon.committed + 1, passed):
            self._log.commit(horizon.committed + 1, self.world.commit(horizon.committed + 1))
            horizon.commit(self.world.version)
            at_commit(self, self.world.end_of(horizon.committed))
            if self._users.in_columns and self._checkpoint.due():
                self._log.seal()
                self._checkpoint.save(self._state())

    def _state(self) -> State:
        """Return where everything stands at the end of a window."""
        return (
            prefixed("users", self._users.state())
            | prefixed("world", self.world.state())
            | prefixed("log", self._log.state())
        )

    def _take_up(self) -> None:
        """Go on from the latest checkpoint, if there is one and the log reaches that far."""
        state = self._checkpoint.load()
        if state is None or not self._log.load_state(under("log.", state)):
            return
        self._users.load_state(under("users.", state), self.world.fitted)
        self.world.load_state(under("world.", state), self._users.horizon.latest)


class Strict(Desk):
    """All users on the platform's own clock: what one does the next one sees. Serial, by definition."""

    def __init__(self, world: World, exchange: Exchange, log: CommitLog, _checkpoint: Checkpoint) -> None:
        super().__init__(everybody(world), exchange)
        self.world = world
        self._log = log

    @property
    def diagnostics(self) -> Counter[str]:
        """Return what recommenders counted so far while they made slates."""
        return self.crowd.diagnostics

    def visible(self, now: Floats) -> tuple[Sequence[Version], Ints]:
        """Return the live state."""
        return [self.world.version], np.zeros(len(now), dtype=np.int64)

    @rarely_collecting()
    def run(self, at_commit: AtCommit) -> None:
        """Let time pass, answering each question as it is asked."""
        env, record = self.world.env, self.world.record
        for user in self.crowd.mine:
            env.process(life(user, self, env))
        for window in range(self.world.last_window + 1):
            while env.peek() < self.world.end_of(window):
                env.step()
                self.answer()
                while self.talking:
                    self.collect(block=True)
            self._log.commit(window, record.tables(window, record.pages(window)))
            self.world.tips.clear()
            at_commit(self, self.world.end_of(window))

    def _decided(self, shown: Shown, decisions: Decisions, call_id: Sequence[str] = ()) -> Turned:
        """Fold pages at once."""
        turned = super()._decided(shown, decisions, call_id)
        pages = shown.look.pages
        self.world.fold(pages.user_id, pages.now, pages.item_id, decisions.action, decisions.rating, decisions.feedback)
        return turned
