"""Windows of simulated time: what is visible when, and who may act."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

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
    spec: Mapping[str, Any] = field(default_factory=dict)
    """What the recommender is, its levers included."""
    withheld: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Items that are shown to nobody, ascending."""
    open: bool = True
    """Whether the platform shows anything."""
    released: Floats = field(default_factory=lambda: np.zeros(0))
    """When each item was let in, where interventions do that."""

    @property
    def offer(self) -> tuple[int, bool, bytes]:
        """Return what tells apart versions that show a user different things, public counts aside."""
        return self.number, self.open, self.withheld.tobytes()

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

    def versions(self) -> list[Version]:
        """Return every version that somebody sees or will see."""
        return list(self._versions.values())

    def state(self) -> State:
        """Return what is committed and what is visible of it, as arrays."""
        versions = self.versions()
        return {
            "committed": np.array(self.committed),
            "window": np.array(list(self._versions)),
            "number": np.array([version.number for version in versions]),
            "fit": np.array([version.fit for version in versions]),
            "popularity": np.stack([version.popularity for version in versions]),
            "spec": np.array([json.dumps(version.spec) for version in versions]),
            "withheld": np.stack([np.isin(np.arange(len(v.popularity)), v.withheld) for v in versions]),
            "open": np.array([version.open for version in versions]),
            "released": np.stack([version.released for version in versions]),
        }

    def load_state(self, state: State, fitted: Callable[[Mapping[str, Any], int, str], Recommender]) -> None:
        """Become the horizon that returned this state; ``fitted`` gives recommenders by what they are, number, key."""
        self.committed = int(state["committed"])
        recommenders: dict[int, Recommender] = {}
        self._versions = {}
        columns = (state[name].tolist() for name in ("window", "number", "fit", "spec", "open"))
        for place, (window, number, fit, text, is_open) in enumerate(zip(*columns, strict=True)):
            spec = json.loads(text)
            if number not in recommenders:
                recommenders[number] = fitted(spec, number, fit)
            popularity = np.asarray(state["popularity"][place], dtype=np.float64)
            withheld, until = np.flatnonzero(state["withheld"][place]), (window + 1) * self.window
            released = np.asarray(state["released"][place])
            self._versions[window] = Version(
                recommenders[number], number, popularity, fit, until, spec, withheld, is_open, released
            )

    @property
    def latest(self) -> Version:
        """Return the version committed last."""
        return self._versions[self.committed]
