"""THE STORY: one user's life on the platform, on its own clock."""

from collections.abc import Generator
from itertools import count
from typing import Any, Protocol

import simpy

from agents.schema import Decision, ExitReason, Observation
from agents.user import UserAgent

Life = Generator[simpy.Event, Any, None]

LEAST_PAGE_MINUTES = 1 / 64
"""A page takes some time even where nothing on it was read."""

VISITS = 2**20
"""Session ids are user_id * VISITS + the number of the visit."""


class Platform(Protocol):
    """What a session needs of the world; each request is an event that fires with the answer."""

    max_pages: int

    def slate(self, user: UserAgent, env: simpy.Environment) -> simpy.Event:
        """Ask for what to show; fires with a ``world.Shown``."""
        ...

    def decision(self, user: UserAgent, env: simpy.Environment, observation: Observation) -> simpy.Event:
        """Ask what the user does with a page; fires with its Decision."""
        ...

    def page_happened(self, user: UserAgent, shown: Any, observation: Observation, decision: Decision) -> None:
        """Record a page; the user's own actions are known to the platform's next answer at once."""
        ...

    def session_ended(
        self, user: UserAgent, session_id: int, start: float, end: float, pages: int, reason: ExitReason
    ) -> None:
        """Record a visit."""
        ...


def life(user: UserAgent, platform: Platform, env: simpy.Environment) -> Life:
    """Come back again and again."""
    while True:
        yield env.timeout(user.next_visit(env.now) - env.now)
        yield from session(user, platform, env)


def session(user: UserAgent, platform: Platform, env: simpy.Environment) -> Life:
    """Visit once: look at a page, act on it, turn it, until there is a reason to leave."""
    start = env.now
    user.begin_session(start)
    session_id = user.user_id * VISITS + user.visits
    reason = ExitReason.PAGE_LIMIT
    page = 0
    for page in count(1):
        shown = yield platform.slate(user, env)
        if not len(shown.items):
            reason = ExitReason.NOTHING_TO_SHOW
            break
        observation = user.observe(env.now, session_id, page, shown.items, shown.popularity)
        decision = yield platform.decision(user, env, observation)
        user.experience(observation, decision)
        platform.page_happened(user, shown, observation, decision)
        yield env.timeout(max(sum(decision.dwell), LEAST_PAGE_MINUTES))
        reason = decision.exit_reason
        if reason != ExitReason.STAYED:
            break
        if page == platform.max_pages:
            reason = ExitReason.PAGE_LIMIT
            break
    platform.session_ended(user, session_id, start, env.now, page, reason)
