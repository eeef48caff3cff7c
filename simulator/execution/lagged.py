"""Users under bounded lag: whoever talks to a language model on a SimPy clock of its own, the rest as columns."""

import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
import simpy

from agents.schema import Floats, Ints
from simulator.cast import Cast
from simulator.checkpoint import prefixed
from simulator.crowd import Crowd
from simulator.execution.desk import Desk, Exchange, Tally
from simulator.recommenders.base import Recommender, State, under
from simulator.scenario import Scenario
from simulator.session import life
from simulator.window import Horizon, Version


def clocked(scenario: Scenario, cast: Cast) -> Ints:
    """Return the users with a clock: who asks a language model, and everybody without ``engine.columns``."""
    return cast.talkers() if scenario.engine.columns else np.arange(len(cast.member))


class Lagged(Desk):
    """Move users as far as they may go: a user may act while the window ``lag`` before its own is committed.

    Among the clocks that may advance the earliest goes first; the smallest always may, so nothing
    deadlocks. ``first`` is the version that users see at time 0.
    """

    def __init__(self, crowd: Crowd, exchange: Exchange, first: Version) -> None:
        super().__init__(crowd, exchange)
        platform = crowd.scenario.platform
        self.horizon = Horizon(platform.window, platform.visibility_lag, first)
        self._end = crowd.scenario.end
        self._clocks: dict[int, simpy.Environment] = {}
        self._next: list[tuple[float, int]] = []
        self._moment: Floats = np.array(self._first_visits)
        """When each user without a clock acts next; infinity for the others."""
        users, mine = clocked(crowd.scenario, crowd.cast), crowd.mine
        self._clocked = users[(users >= mine.start) & (users < mine.stop)] - mine.start
        self._moment[self._clocked] = math.inf
        self._first = float(self._moment.min())
        """The earliest of these moments."""

    @property
    def in_columns(self) -> bool:
        """Tell whether nobody has a clock: only then can it be said where everything stands."""
        return not len(self._clocked)

    def visible(self, now: Floats) -> tuple[Sequence[Version], Ints]:
        """Return the versions committed ``lag`` windows earlier."""
        return self.horizon.visible(now)

    @property
    def limit(self) -> float:
        """Return the moment before which users may act."""
        return min(self.horizon.limit, self._end)

    @property
    def passed(self) -> float:
        """Return the moment that everybody has passed, the end where nobody acts before it."""
        clocks = self._next[0][0] if self._next else math.inf
        return min(clocks, self.earliest_talk(), self._first, self._end)

    def begin(self) -> None:
        """Set the clocks going."""
        for user in (self.crowd.mine.start + self._clocked).tolist():
            clock = self._clocks[user] = simpy.Environment()
            clock.process(life(user, self, clock))
            self._advance([user])

    def advance(self) -> int:
        """Let everybody act who may; return how many clocks moved. Then take in answers with ``hear``."""
        moved = self._advance_ready() + self._advance(self.answer())
        self._step_columns()
        return moved

    def hear(self, *, block: bool) -> int:
        """Let users go on whose answers have arrived; with ``block`` wait for at least one."""
        return self._advance(self.collect(block=block)) if self.talking else 0

    @property
    def idle(self) -> bool:
        """Tell whether nobody waits for a page."""
        return not self._waiting

    def _step_columns(self) -> None:
        """Move everybody without a clock to the limit, page after page."""
        start = self.crowd.mine.start
        while self._first < self.limit:
            rows = np.flatnonzero(self._moment < self.limit)
            for turned in self.turn(start + rows, self._moment[rows]):
                self._moment[turned.user_id - start] += turned.minutes + turned.away
            self._first = float(self._moment.min())

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

    # -- where it stands ------------------------------------------------------------------------------

    def state(self) -> State:
        """Return where columns stand, as arrays; clocks and conversations could not say it."""
        return (
            {"moment": self._moment, "tally": np.array(astuple(self.tally))}
            | prefixed("crowd", self.crowd.state())
            | prefixed("horizon", self.horizon.state())
        )

    def load_state(self, state: State, fitted: Callable[[Mapping[str, Any], int, str], Recommender]) -> None:
        """Become the users that returned this state; ``fitted`` as for ``Horizon.load_state``."""
        self.horizon.load_state(under("horizon.", state), fitted)
        self.crowd.load_state(under("crowd.", state))
        self._moment = np.array(state["moment"])
        self._first = float(self._moment.min())
        self.tally = Tally(*state["tally"].tolist())
