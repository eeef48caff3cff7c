"""THE STORY: one user's life on the platform, on its own clock.

What is on a page, what its user reads and takes, and how long that keeps it busy is settled for all
users who wait for one together (``execution/desk.py``); here it takes the time it takes.
"""

from collections.abc import Generator
from typing import Any, NamedTuple, Protocol

import simpy

Life = Generator[simpy.Event, Any, float]


class Turn(NamedTuple):
    """What a page came to."""

    minutes: float
    """Time spent on it."""
    left: bool
    """Whether the visit ended with it."""
    away: float
    """Minutes until the next visit, where it did."""


class Page(simpy.Event):
    """A page a user waits for: the event fires with its ``Turn`` when the user is done with it."""

    def settle(self, turn: Turn) -> None:
        """Say what the page came to; the user is busy with it from now on."""
        self._ok = True
        self._value = turn
        self.env.schedule(self, delay=turn.minutes)


class Platform(Protocol):
    """What a user's life needs of the world."""

    def first_visit(self, user_id: int) -> float:
        """Return the moment a user comes for the first time."""
        ...

    def page(self, user_id: int, env: simpy.Environment) -> Page:
        """Ask for the next page."""
        ...


def life(user_id: int, platform: Platform, env: simpy.Environment) -> Life:
    """Come, and come back again and again."""
    away = platform.first_visit(user_id)
    while True:
        yield env.timeout(away)
        away = yield from visit(user_id, platform, env)


def visit(user_id: int, platform: Platform, env: simpy.Environment) -> Life:
    """Look at page after page until there is a reason to leave; return how long the user stays away."""
    while True:
        turn: Turn = yield platform.page(user_id, env)
        if turn.left:
            return turn.away
