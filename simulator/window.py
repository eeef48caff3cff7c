"""Windows of simulated time: what is visible when, and who may act."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from agents.schema import Floats, Ints
from simulator.recommenders.base import Recommender, State


@dataclass(frozen=True)
class Version:
    """The platform's shared state as committed with one window; never changes afterwards."""

    recommender: Recommender
    number: int
    """Refits and updates before this recommender."""
    popularity: Floats
    """Public count per item."""
    fit: str = ""
    """What the recommender was made from, as a key (``fits.Fits``)."""
    until: float = math.inf
    """What users did before this moment is known to each other."""

    @cached_property
    def popularity_rank(self) -> Ints:
        """Return each item's rank by popularity, 1 the most popular, ties by item id."""
        rank = np.empty(len(self.popularity), dtype=np.int64)
        rank[np.argsort(-self.popularity, kind="stable")] = np.arange(1, len(rank) + 1)
        return rank


class Horizon:
    """Bounded lag: a user may act at t while window(t) - lag is committed; windows below 0 are."""

    def __init__(self, window: float, lag: int, first: Version) -> None:
        self.window = window
        self.lag = lag
        self.committed = -1
        self._versions = {-1: replace(first, until=0.0)}

    @property
    def limit(self) -> float:
        """Return the moment before which users may act."""
        return (self.committed + self.lag + 1) * self.window

    def visible(self, now: Floats) -> tuple[Sequence[Version], Ints]:
        """Return the versions that users acting at these moments see, and which of them each sees."""
        committed = np.maximum((now // self.window).astype(np.int64) - self.lag, -1)
        first, last = int(committed.min()), int(committed.max())
        return [self._versions[window] for window in range(first, last + 1)], committed - first

    def commit(self, version: Version) -> None:
        """Advance by one window; its state becomes visible ``lag`` windows later."""
        self.committed += 1
        self._versions[self.committed] = replace(version, until=(self.committed + 1) * self.window)
        self._versions.pop(self.committed - self.lag - 1, None)

    def state(self) -> State:
        """Return what is committed and what is visible of it, as arrays."""
        versions = list(self._versions.values())
        return {
            "committed": np.array(self.committed),
            "window": np.array(list(self._versions)),
            "number": np.array([version.number for version in versions]),
            "fit": np.array([version.fit for version in versions]),
            "popularity": np.stack([version.popularity for version in versions]),
        }

    def load_state(self, state: State, fitted: Callable[[int, str], Recommender]) -> None:
        """Become the horizon that returned this state; ``fitted`` gives recommenders by number and key."""
        self.committed = int(state["committed"])
        recommenders: dict[int, Recommender] = {}
        self._versions = {}
        columns = (state[name].tolist() for name in ("window", "number", "fit"))
        for place, (window, number, fit) in enumerate(zip(*columns, strict=True)):
            if number not in recommenders:
                recommenders[number] = fitted(number, fit)
            popularity = np.asarray(state["popularity"][place], dtype=np.float64)
            self._versions[window] = Version(recommenders[number], number, popularity, fit, (window + 1) * self.window)

    @property
    def latest(self) -> Version:
        """Return the version committed last."""
        return self._versions[self.committed]
