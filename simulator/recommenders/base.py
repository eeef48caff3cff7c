"""The contract between the platform and a recommender: all a recommender sees and returns."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt

from agents.schema import PAD, Floats, Ints
from simulator.catalog import Catalog, Interactions

Progress = Callable[[float, str], None]
"""Called with the share done in [0, 1] and a word on what is being done."""

State = dict[str, npt.NDArray[np.generic]]
"""Named arrays, saved as npz without pickle; a JSON text goes in as a 0-d string array."""


def under(prefix: str, state: State) -> State:
    """Return the entries of a state whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


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

    def row(self) -> Ints:
        """Return the request each history entry belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def age(self) -> Ints:
        """Return how many newer entries each history entry has in its request (0: the newest)."""
        return self.starts[1:][self.row()] - 1 - np.arange(len(self.history))

    def take(self, rows: Ints) -> "Requests":
        """Return some requests, in the order asked for, as a batch of their own."""
        told, starts = _gathered(self.starts, rows)
        barred, exclude_starts = _gathered(self.exclude_starts, rows)
        return Requests(
            self.user_id[rows],
            self.now[rows],
            self.history[told],
            self.history_time[told],
            starts,
            self.exclude[barred],
            exclude_starts,
            self.seed[rows],
        )

    def barring(self, items: Sequence[Ints], which: Ints) -> "Requests":
        """Return the requests with ``items[which[b]]`` excluded from request b too."""
        flat = np.concatenate(items)
        starts = np.cumsum([0, *map(len, items)])
        place, begins = _gathered(starts, which)
        return self.excluding(flat[place], begins)

    def excluding(self, items: Ints, starts: Ints) -> "Requests":
        """Return the requests with ``items[starts[b]:starts[b + 1]]`` excluded from request b too."""
        whole = self.exclude_starts + starts
        merged = np.empty(whole[-1], dtype=np.int64)
        merged[np.arange(len(self.exclude)) + np.repeat(starts[:-1], np.diff(self.exclude_starts))] = self.exclude
        merged[np.arange(len(items)) + np.repeat(self.exclude_starts[1:], np.diff(starts))] = items
        return replace(self, exclude=merged, exclude_starts=whole)

    def part(self, first: int, last: int) -> "Requests":
        """Return requests first..last-1 as a batch of their own."""
        told = slice(self.starts[first], self.starts[last])
        barred = slice(self.exclude_starts[first], self.exclude_starts[last])
        return Requests(
            self.user_id[first:last],
            self.now[first:last],
            self.history[told],
            self.history_time[told],
            self.starts[first : last + 1] - self.starts[first],
            self.exclude[barred],
            self.exclude_starts[first : last + 1] - self.exclude_starts[first],
            self.seed[first:last],
        )


def _gathered(starts: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """Return where the entries of some rows are, row after row, and where each row's begin among them."""
    size = np.diff(starts)[rows]
    begins = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    return np.arange(begins[-1]) + np.repeat(starts[rows] - begins[:-1], size), begins


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


class Truth(Protocol):
    """What users really want: a simulator knows it, a platform never does."""

    def appeal(self, user_id: Ints, popularity: Floats) -> Floats:
        """Return (B, items): how much each user wants each item at these public counts, larger is more."""
        ...


class Recommender(ABC):
    """Recommend from the catalog, the log and the request, never from a persona.

    A user's result depends neither on who else is in the batch nor on their order; ``recommend``
    never mutates; excluded or unknown items never appear; short lists are padded, never filled;
    ``fit`` is a function of its arguments; state round-trips bit for bit. A history may name
    items that were unknown at the last fit: they are ignored. What differs between recommenders is
    declared by the class, and checked by the conformance kit.
    """

    warm: ClassVar[bool] = False
    """A refit continues from the current state."""
    sequential: ClassVar[bool] = False
    """The order of the history matters, beyond weights that fall with age."""
    reference: ClassVar[bool] = False
    """Not personal by design, so never asked to beat popularity."""
    cold: ClassVar[Literal["popularity", "uniform", "personal"]] = "popularity"
    """What an empty history is shown: the most popular items, any, or (knowing the truth) what that user wants."""
    new_items: ClassVar[Literal["scored", "invisible"]] = "scored"
    """Whether items of the catalog that nobody has taken yet can be shown."""
    knows_truth: ClassVar[bool] = False
    """Ranks by what users really want, a bound for studies: the world tells it, as ``truth``, and nobody else."""
    truth: Truth | None = None

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


class Scorer(Recommender):
    """A deterministic recommender that scores the whole catalog and shows the best."""

    @abstractmethod
    def score(self, requests: Requests) -> Floats:
        """Return (B, items) scores, larger is better, -inf for never, exclusions not applied.

        A new array each time: it is overwritten.
        """

    def recommend(self, requests: Requests, k: int) -> Slates:
        """Return the k best allowed items, scored in chunks so that memory stays bounded."""
        items = np.full((len(requests), k), PAD, dtype=np.int64)
        best = np.full((len(requests), k), np.nan)
        first, size = 0, CHUNK
        while first < len(requests):
            part = requests.part(first, min(first + size, len(requests)))
            scores = self.score(part)
            items[first : first + size], best[first : first + size] = top_k(scores, part, k)
            first, size = first + size, max(CHUNK, CELLS // max(scores.shape[1], 1) // CHUNK * CHUNK)
        return Slates(items, best, np.full_like(best, np.nan), diagnostics(items))


CHUNK = 32
"""Requests are scored by multiples of this: the block that torch serving pads to."""
CELLS = 2**19
"""Scores held at a time, unless one chunk is more."""
GROUP = 16
"""Scores of which only the best is compared first; fewer where that leaves under 8 groups per place of the slate."""


def diagnostics(items: Ints) -> dict[str, float]:
    """Return the counts of a batch of slates made by scoring the catalog (nothing invalid can appear)."""
    return {"invalid_generated": 0.0, "short_lists": float((items == PAD).any(axis=1).sum())}


def top_k(scores: Floats, requests: Requests, k: int) -> tuple[Ints, Floats]:
    """Return the k best allowed items and their scores per row, ties by item id, padded with PAD/NaN.

    ``scores`` is (B, items); rows are independent; -inf means "never". It is overwritten.
    """
    rows, n = scores.shape
    barred = np.repeat(np.arange(rows), np.diff(requests.exclude_starts))
    known = (requests.exclude >= 0) & (requests.exclude < n)
    scores[barred[known], requests.exclude[known]] = -np.inf
    return highest(scores, k)


def highest(scores: Floats, k: int) -> tuple[Ints, Floats]:
    """Return the k columns with the highest scores and these per row, ties by column, padded with PAD/NaN."""
    rows, n = scores.shape
    items = np.full((rows, k), PAD, dtype=np.int64)
    best = np.full((rows, k), np.nan)
    if not n:
        return items, best
    cell = np.flatnonzero(scores >= _floor(scores, min(k, n))[:, None])  # by row, then by item
    row, value = cell // n, scores.ravel()[cell]
    order = np.lexsort((-value, row))
    row, cell, value = row[order], cell[order], value[order]
    place = np.arange(len(row)) - np.searchsorted(row, np.arange(rows))[row]
    kept = place < k
    row, place = row[kept], place[kept]
    items[row, place], best[row, place] = cell[kept] - row * n, value[kept]
    return items, best


def _floor(scores: Floats, k: int) -> Floats:
    """Return per row a finite score that at least its k best reach, and little more.

    Where k groups of items have a best score of that height, so have k items.
    """
    rows, n = scores.shape
    size = max(1, min(GROUP, n // (8 * k)))
    groups = scores[:, : n // size * size].reshape(rows, size, n // size).max(axis=1)
    floor: Floats = np.partition(groups, -k, axis=1)[:, -k]
    return np.maximum(floor, np.finfo(scores.dtype).min)
