"""What users remember of their visits: episodes and insights, bounded, recalled by what matters now."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.embeddings import LENGTH, Vectors, whole
from agents.pages import join
from agents.schema import PAD, Action, Bools, Decisions, Feedback, Floats, Ints, Item, Pages
from agents.untrusted import clean

HALF_LIFE_MINUTES = 7 * 1440.0
"""Time after which an episode counts half when it competes for recall."""
TITLE_CAP = 80
"""Characters of a title that enter a prompt."""
IMPORTANCE = np.array([0.1, 1.0, 4.0])
"""Of an item passed over, of one watched, of an insight."""
PASSED, WATCHED, INSIGHT = range(3)
_LOG_IMPORTANCE = np.log2(IMPORTANCE)
INSIGHT_CAP = 240
"""Characters of an insight that are kept, where the ceiling leaves room for twice as many."""
FAMILIAR = 3
"""Ratings of the genres of an item that a user must remember before it expects anything of it."""
_GRAIN = 2.0**20
"""Steps of a score per halving; what is closer is equal."""
_SLOTS = 1 << 16
_BLOCK = 64
"""Users whose memories are searched at once, so that they stay in the processor's cache."""


def tokens(text: str) -> int:
    """Return about how many tokens a text costs: one per three UTF-8 bytes, rounded up.

    English prose costs a token per four bytes in common vocabularies, titles and names one per
    three; the higher figure is used so that the ceiling errs on the safe side.

    >>> tokens("watched Heat")
    4
    """
    return -(-len(text.encode()) // 3)


class Operation(IntEnum):
    """What was done with a memory; the codes are part of the log schema, their order is that within a moment."""

    REFLECT = 0
    RECALL = 1
    FORGET = 2
    WRITE = 3


@dataclass(frozen=True)
class Operations:
    """What was done with memories, one row an operation; the columns of the ``memory`` table."""

    now: Floats
    user_id: Ints
    operation: Ints
    """Operation codes."""
    item_id: Ints
    """PAD where it is about no single item."""
    text: npt.NDArray[Any]
    tokens: Ints

    @property
    def sequence(self) -> Ints:
        """Return each row's place among those of its user and moment; equal ones are in order already."""
        return self.operation


def recalled(pages: Pages, told: Sequence[str]) -> Operations:
    """Return what was told as operations, one for each page of a user who remembered something."""
    some = np.flatnonzero([bool(text) for text in told])
    texts = [told[place] for place in some.tolist()]
    columns = (np.array(texts, dtype=object), np.array([tokens(text) for text in texts], dtype=np.int64))
    operation, item_id = np.full(len(some), Operation.RECALL, dtype=np.int64), np.full(len(some), PAD)
    return Operations(pages.now[some], pages.user_id[some], operation, item_id, *columns)


class Memories:
    """Episodes of all users, as columns: at most ``capacity`` a user; recall at most ``ceiling`` tokens.

    When a user's are full, the least important quarter goes, the oldest of equals first. Rows of a
    batch are pages of different users and do not depend on each other. A user takes room with its
    first episode. A rating at least ``surprise`` away from what its genres got before surprises.
    """

    COLUMNS = ("_size", "_surprised", "_kind", "_item", "_rating", "_weight", "_cost", "_line")

    def __init__(
        self,
        n_users: int,
        items: Sequence[Item],
        ceiling: int = 300,
        capacity: int = 200,
        vectors: Vectors | None = None,
        surprise: float = np.inf,
    ) -> None:
        if not 0 < capacity < _SLOTS:
            raise ValueError(f"capacity: {capacity} is not between 1 and {_SLOTS - 1}")
        self.ceiling, self.capacity = ceiling, capacity
        self._items = items
        self._genres = _genre_words(items)
        self._n_genres = np.bitwise_count(self._genres).sum(axis=1, dtype=np.int64)
        self._gain = _gains(int(self._n_genres.max(initial=0)))
        self._vectors = vectors
        self._surprise = surprise
        self._row = np.full(n_users, -1)
        self._used = 0
        self._size = np.zeros(0, dtype=np.int64)
        """Episodes in each row; they lie in its first slots, in order of time."""
        self._surprised: Bools = np.zeros(0, dtype=bool)
        self._kind = np.zeros((0, capacity), dtype=np.int8)
        self._item = np.zeros((0, capacity), dtype=np.int32)
        self._rating: Floats = np.zeros((0, capacity))
        """NaN where none was given."""
        self._weight: Floats = np.zeros((0, capacity))
        """Base-2 logarithm of importance x recency, as seen from time 0: all episodes fade alike."""
        self._cost = np.zeros((0, capacity), dtype=np.int32)
        self._line: npt.NDArray[Any] = np.zeros((0, capacity), dtype=object)

    def remember(self, pages: Pages, decisions: Decisions) -> Operations:
        """Append what happened to the items of pages; those not read leave no trace. Return what was done."""
        read = (decisions.action != Action.UNSEEN) & (pages.item_id != PAD)
        nth = np.cumsum(read, axis=1)
        count = nth[:, -1]
        read &= nth > (count - self.capacity)[:, None]
        count = np.minimum(count, self.capacity)
        rows = self._rows(pages.user_id)
        if np.isfinite(self._surprise):
            self._notice(rows, pages, decisions)
        full = np.flatnonzero(self._size[rows] + count > self.capacity).tolist()
        done = [self._forget(int(pages.user_id[row]), float(pages.now[row]), int(count[row])) for row in full]
        owner = np.nonzero(read)[0]
        slot = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count) + self._size[rows][owner]
        watched = decisions.action[read] == Action.WATCH
        at = (rows[owner], slot)
        self._kind[at] = kind = np.where(watched, WATCHED, PASSED)
        self._item[at] = pages.item_id[read]
        self._rating[at] = decisions.rating[read]
        self._weight[at] = pages.now[owner] / HALF_LIFE_MINUTES + _LOG_IMPORTANCE[kind]
        said = np.zeros(len(owner), dtype=np.int8) if decisions.feedback is None else decisions.feedback[read]
        lines = self._lines(pages.now[owner], pages.item_id[read], watched, decisions.rating[read], said)
        self._line[at] = [line for line, _ in lines]
        self._cost[at] = [cost for _, cost in lines]
        self._size[rows] += count
        return join([*done, self._done(Operation.WRITE, pages.user_id[owner], pages.now[owner], *at)])

    def surprised(self, user_id: Ints) -> Bools:
        """Tell who was surprised since its last insight."""
        row = self._row[user_id]
        known = row >= 0
        found = np.zeros(len(row), dtype=np.bool_)
        found[known] = self._surprised[row[known]]
        return found

    def knows(self, user_id: Ints) -> Bools:
        """Tell who remembers anything."""
        return np.asarray(self._row[user_id] >= 0)

    def reflect(self, user_id: int, now: float, insight: str) -> Operations:
        """Keep an insight; it competes for recall with what happened. Return what was done."""
        (row,) = self._rows(np.array([user_id])).tolist()
        done = [self._forget(user_id, now, 1)] if self._size[row] == self.capacity else []
        slot = int(self._size[row])
        line = f"- day {int(now // 1440) + 1}: {clean(insight, min(INSIGHT_CAP, self.ceiling // 2))}"
        self._kind[row, slot], self._item[row, slot], self._rating[row, slot] = INSIGHT, PAD, np.nan
        self._weight[row, slot] = now / HALF_LIFE_MINUTES + _LOG_IMPORTANCE[INSIGHT]
        self._line[row, slot], self._cost[row, slot] = line, tokens(line + "\n")
        self._size[row] += 1
        self._surprised[row] = False
        kept = self._done(Operation.REFLECT, np.array([user_id]), np.array([now]), np.array([row]), np.array([slot]))
        return join([*done, kept])

    def recall(self, pages: Pages) -> list[str]:
        """Return, per page, the episodes that matter most now for its items, oldest first, one a line.

        Episodes compete by importance x recency (half-life a week) x (1 + relevance): the share of
        their genres that the page has, or where items have vectors, the cosine (0 if negative) to the
        sum of the page's; insights are always relevant. The best are told until the next exceeds the token ceiling.
        """
        told = [""] * len(pages.user_id)
        known = np.flatnonzero(self._row[pages.user_id] >= 0)
        for first in range(0, len(known), _BLOCK):
            those = known[first : first + _BLOCK]
            texts = self._tell(self._row[pages.user_id[those]], pages.item_id[those])
            for place, text in zip(those.tolist(), texts, strict=True):
                told[place] = text
        return told

    def of(self, user_id: int) -> list[str]:
        """Return all that one user remembers, oldest first."""
        row = self._row[user_id]
        lines: list[str] = [] if row < 0 else self._line[row, : self._size[row]].tolist()
        return lines

    def _tell(self, rows: Ints, item_id: Ints) -> list[str]:
        best = np.sort(self._scores(rows, item_id), axis=1)[:, ::-1]
        slot = np.maximum(best, 0) % _SLOTS
        fits = (np.cumsum(self._cost[rows[:, None], slot], axis=1) <= self.ceiling) & (best >= 0)
        count = fits.sum(axis=1)
        most = int(count.max())
        told = np.sort(np.where(fits[:, :most], slot[:, :most], self.capacity), axis=1)
        lines = self._line[rows[:, None], np.minimum(told, self.capacity - 1)].tolist()
        return ["\n".join(line[:some]) for line, some in zip(lines, count.tolist(), strict=True)]

    def _scores(self, rows: Ints, item_id: Ints) -> Ints:
        """Return one number per slot: its score in grains, above the slot's own number; -1 where it is empty."""
        size = self._size[rows]
        slot = np.arange(size.max())
        item: Ints = self._item[rows, : len(slot)].astype(np.int64)
        gain = self._shared(item, item_id) if self._vectors is None else self._near(item, item_id, self._vectors)
        score = self._weight[rows, : len(slot)] + np.where(item == PAD, 1.0, gain)
        grains = ((score - _LOG_IMPORTANCE[PASSED]) * _GRAIN).astype(np.int64)
        return np.where(slot < size[:, None], grains * _SLOTS + slot, -1)

    def _shared(self, item: Ints, page_items: Ints) -> Floats:
        """Return log2(1 + share of genres in common with the page) for the items (B, S) of episodes."""
        words = np.where((page_items != PAD)[..., None], self._genres[page_items], 0)
        page = np.bitwise_or.reduce(words, axis=1)
        common = np.bitwise_count(self._genres[item] & page[:, None]).sum(axis=2, dtype=np.int64)
        return np.asarray(self._gain[common, self._n_genres[item]])

    def _near(self, item: Ints, page_items: Ints, vectors: Vectors) -> Floats:
        """Return log2(1 + cosine with the page) for the items (B, S) of episodes; exact, so free of order."""
        page = np.where((page_items != PAD)[..., None], vectors[page_items], np.float32(0)).sum(
            axis=1, dtype=np.float64
        )
        product = np.matmul(vectors[item], whole(page)[..., None])[..., 0].astype(np.float64)
        return np.asarray(np.log2(1.0 + np.clip(product / LENGTH**2, 0.0, 1.0)))

    def _notice(self, rows: Ints, pages: Pages, decisions: Decisions) -> None:
        """Mark users who rated something otherwise than they rated its genres before, on average."""
        owner, place = np.nonzero(np.isfinite(decisions.rating) & (pages.item_id != PAD))
        row, item, rating = rows[owner], pages.item_id[owner, place], decisions.rating[owner, place]
        alike = (self._genres[self._item[row]] & self._genres[item][:, None]).any(axis=2)
        known = alike & np.isfinite(self._rating[row]) & (np.arange(self.capacity) < self._size[row][:, None])
        count = known.sum(axis=1)
        expected = np.where(known, self._rating[row], 0.0).sum(axis=1) / np.maximum(count, 1)
        self._surprised[row[(count >= FAMILIAR) & (np.abs(rating - expected) >= self._surprise)]] = True

    def _lines(
        self, now: Floats, item_id: Ints, watched: Bools, rating: Floats, said: npt.NDArray[np.int8]
    ) -> list[tuple[str, int]]:
        days = (now // 1440).astype(np.int64) + 1
        columns = (days.tolist(), item_id.tolist(), watched.tolist(), rating.tolist(), said.tolist())
        items = self._items
        return [
            _line(day, items[item].title, _did(taken, given, vote))
            for day, item, taken, given, vote in zip(*columns, strict=True)
        ]

    def _forget(self, user_id: int, now: float, room: int) -> Operations:
        """Let the least important quarter of a user's episodes go, or as many as are needed for ``room`` more."""
        row = self._row[user_id]
        size = int(self._size[row])
        order = np.argsort(self._kind[row, :size], kind="stable")
        gone, kept = np.split(order, [max(self.capacity // 4, size + room - self.capacity)])
        done = self._done(Operation.FORGET, np.full(len(gone), user_id), np.full(len(gone), now), row, np.sort(gone))
        for name in self.COLUMNS[2:]:
            column = getattr(self, name)
            column[row, : len(kept)] = column[row, np.sort(kept)]
        self._size[row] = len(kept)
        return done

    def _done(self, operation: Operation, user_id: Ints, now: Floats, row: Ints, slot: Ints) -> Operations:
        """Return one operation for each of these episodes."""
        about = (self._item[row, slot].astype(np.int64), self._line[row, slot], self._cost[row, slot].astype(np.int64))
        return Operations(now, user_id, np.full(len(slot), operation, dtype=np.int64), *about)

    def _rows(self, user_id: Ints) -> Ints:
        """Return the users' rows, making room for those who are new."""
        new = user_id[self._row[user_id] < 0]
        if len(new):
            self._row[new] = np.arange(self._used, self._used + len(new))
            self._used += len(new)
            missing = self._used - len(self._size)
            if missing > 0:
                for name in self.COLUMNS:
                    column = getattr(self, name)
                    more = np.zeros((max(missing, len(column)), *column.shape[1:]), column.dtype)
                    setattr(self, name, np.concatenate([column, more]))
        return self._row[user_id]


def _genre_words(items: Sequence[Item]) -> npt.NDArray[np.uint64]:
    """Return each item's genres as bits of words (n_items, words)."""
    places: dict[str, int] = {}
    for item in items:
        for genre in item.genres:
            places.setdefault(genre, len(places))
    words = np.zeros((len(items), max(1, -(-len(places) // 64))), dtype=np.uint64)
    for row, item in enumerate(items):
        for genre in item.genres:
            word, bit = divmod(places[genre], 64)
            words[row, word] |= np.uint64(1 << bit)
    return words


def _gains(most: int) -> Floats:
    """Return log2(1 + share) by the genres in common and the genres an episode has."""
    common, of = np.arange(most + 1)[:, None], np.maximum(np.arange(most + 1), 1)
    return np.asarray(np.log2(1.0 + common / of))


_VOTES = {Feedback.NONE: "", Feedback.LIKE: ", liked it", Feedback.DISLIKE: ", disliked it"}


def _did(watched: bool, rating: float, feedback: int) -> str:
    """Return in words what happened, and behind a bar what was said of it, if anything."""
    if not watched:
        return "passed over"
    return f"watched|{f', rated {rating:g}' if rating == rating else ''}{_VOTES[Feedback(feedback)]}"


@lru_cache(maxsize=1 << 16)
def _line(day: int, title: str, did: str) -> tuple[str, int]:
    """Return an episode as one line, and what it costs with its end, in tokens."""
    what, _, given = did.partition("|")
    line = f"- day {day}: {what} {clean(title, TITLE_CAP)}{given}"
    return line, tokens(line + "\n")
