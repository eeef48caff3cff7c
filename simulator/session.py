"""THE STORY: one user's life on the platform, on its own clock.

What a page does to its user has no duration, so all users who wait for one are answered together
(``execution/desk.py``): the slate, what they read and take, how they feel afterwards.
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


class Platform(Protocol):
    """What a user's life needs of the world."""

    def first_visit(self, user_id: int) -> float:
        """Return the moment a user comes for the first time."""
        ...

    def page(self, user_id: int, env: simpy.Environment) -> simpy.Event:
        """Ask for the next page; the event fires with the ``Turn`` it came to, at the same simulated moment."""
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
        yield env.timeout(turn.minutes)
        if turn.left:
            return turn.away
