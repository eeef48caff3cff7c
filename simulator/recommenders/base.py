"""The contract between the platform and a recommender: all a recommender sees and returns."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from agents.schema import PAD, Floats, Ints
from simulator.catalog import Catalog, Interactions

Progress = Callable[[float, str], None]
"""Called with the share done in [0, 1] and a word on what is being done."""

State = dict[str, npt.NDArray[np.generic]]
"""Named arrays, saved as npz without pickle; a JSON text goes in as a 0-d string array."""


def silent(_share: float, _what: str) -> None:
    """Report no progress."""


@dataclass(frozen=True, slots=True)
class Requests:
    """A batch of B questions "what should this user see now?".

    The history of request b is ``history[starts[b]:starts[b + 1]]``, oldest first, with the time
    of each entry in ``history_time``; what must not be returned is
    ``exclude[exclude_starts[b]:exclude_starts[b + 1]]`` (seen items, where the platform excludes
    them, and retired ones). ``seed`` is the request's own random word.
    """

    user_id: Ints
    now: Floats
    history: Ints
    history_time: Floats
    starts: Ints
    exclude: Ints
    exclude_starts: Ints
    seed: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.user_id)


@dataclass(frozen=True, slots=True)
class Slates:
    """What B users are shown, best first, padded with PAD where fewer than k items remained.

    ``item_id``, ``score`` and ``log_propensity`` are (B, k), the latter two NaN where padded;
    ``log_propensity`` is NaN throughout for a deterministic recommender. ``diagnostics`` holds
    counts (``invalid_generated``, ``short_lists``) summed over the batch.
    """

    item_id: Ints
    score: Floats
    log_propensity: Floats
    diagnostics: Mapping[str, float] = field(default_factory=dict)


class Recommender(ABC):
    """Recommend from the catalog, the log and the request, never from a persona.

    A user's result depends neither on who else is in the batch nor on their order; ``recommend``
    never mutates; excluded or unknown items never appear; short lists are padded, never filled;
    ``fit`` is a function of its arguments; state round-trips bit for bit.
    """

    @abstractmethod
    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Learn from the log (replaces what was learned); a warm refit continues from the current state
        where the class declares ``warm = True``."""

    @abstractmethod
    def recommend(self, requests: Requests, k: int) -> Slates:
        """Return slates of at most k items, ties broken by item id."""

    def score(self, requests: Requests) -> Floats:
        """Return (B, items) scores, larger is better, exclusions not applied; optional."""
        raise NotImplementedError(f"{type(self).__name__} does not score the whole catalog")

    def update(self, events: Interactions) -> None:  # noqa: B027  (an empty default is the point)
        """Take in new events cheaply between fits; optional."""

    @abstractmethod
    def state(self) -> State:
        """Return everything learned."""

    @abstractmethod
    def load_state(self, state: State) -> None:
        """Become the recommender that returned this state."""


def top_k(scores: Floats, requests: Requests, k: int) -> tuple[Ints, Floats]:
    """Return the k best allowed items and their scores per row, ties by item id, padded with PAD/NaN.

    ``scores`` is (B, items); rows are independent; -inf means "never".
    """
    scores = scores.copy()
    rows = np.repeat(np.arange(len(requests)), np.diff(requests.exclude_starts))
    scores[rows, requests.exclude] = -np.inf
    width = min(k, scores.shape[1])
    part = np.argpartition(-scores, width - 1, axis=1)[:, :width]
    floor = np.take_along_axis(scores, part, axis=1).min(axis=1)
    items = np.full((len(scores), k), PAD, dtype=np.int64)
    best = np.full((len(scores), k), np.nan)
    for b in range(len(scores)):
        allowed = np.flatnonzero((scores[b] >= floor[b]) & (scores[b] > -np.inf))
        order = allowed[np.lexsort((allowed, -scores[b, allowed]))][:k]
        items[b, : len(order)] = order
        best[b, : len(order)] = scores[b, order]
    return items, best
