"""How many questions may be in flight at once: a number that learns."""

import asyncio
import heapq
import math
import time
from dataclasses import dataclass, field

_FIRST = 4.0
_CUT = 0.8
_RECOVERED = 0.95
_EPISODE_S = 1.0


@dataclass
class Slots:
    """Adaptive slots: slow start to ``most``, cut to 0.8 at each episode of throttling.

    Each success adds a slot, after a cut only up to 0.95 of what was too much; from there on a whole
    round of successes does (additive increase, as in TCP). So an endpoint that is full is asked less
    by and by, and one that refuses by chance, whoever asks, is kept busy. Refusals of questions sent
    before the last cut, or within a second of it, belong to the same episode. Of those who wait the
    earliest goes first, by what it says of itself.
    """

    most: int
    limit: float = field(init=False)
    in_flight: int = field(default=0, init=False)
    _cut_at: float = field(default=-math.inf, init=False)
    _known: float = field(default=math.inf, init=False)
    _waiting: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list, init=False, repr=False)
    _came: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        self.limit = min(_FIRST, self.most)

    async def take(self, urgency: float = 0.0) -> float:
        """Wait for a slot, the lowest ``urgency`` first, and take it; return the moment it was taken.

        It is given back by ``release``.
        """
        if self.in_flight < int(self.limit) and not self._waiting:
            self.in_flight += 1
        else:
            await self._turn(urgency)
        return time.monotonic()

    @property
    def waiting(self) -> int:
        """Return how many wait for a slot."""
        return len(self._waiting)

    def release(self) -> None:
        """Give a slot back."""
        self.in_flight -= 1
        self._wake()

    def grow(self) -> None:
        """Make room after a success."""
        self.limit = min(self.limit + (1.0 if self.limit < self._known else 1.0 / self.limit), self.most)

    def cut(self, since: float) -> None:
        """Make less room after a refusal of a question sent at ``since``, once an episode."""
        now = time.monotonic()
        if since >= self._cut_at and now >= self._cut_at + _EPISODE_S:
            self._known = self.limit * _RECOVERED
            self.limit = max(self.limit * _CUT, 1.0)
            self._cut_at = now

    async def _turn(self, urgency: float) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._came += 1
        heapq.heappush(self._waiting, (urgency, self._came, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.in_flight -= 1
                self._wake()
            raise

    def _wake(self) -> None:
        """Hand free slots to those waiting; the slot is taken on their behalf."""
        while self._waiting and self.in_flight < int(self.limit):
            *_, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)
