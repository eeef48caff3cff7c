"""What a user remembers of its visits: episodes, bounded, recalled by recency and relevance."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import log2
from typing import NamedTuple

import numpy as np

from agents.schema import Action, Bools, Floats, Item
from agents.untrusted import clean

HALF_LIFE_MINUTES = 7 * 1440.0
"""Time after which an episode counts half when it competes for recall."""
TITLE_CAP = 80
"""Characters of a title that enter a prompt."""
SKIPPED_IMPORTANCE = 0.1
"""Of an item passed over; one watched has 1."""
_GENRES = 32
"""Genres a memory has room for at first."""
_SKIPPED = log2(SKIPPED_IMPORTANCE)


def tokens(text: str) -> int:
    """Return about how many tokens a text costs: one per three UTF-8 bytes, rounded up.

    English prose costs a token per four bytes in common vocabularies, titles and names one per
    three; the higher figure is used so that the ceiling errs on the safe side.

    >>> tokens("watched Heat")
    4
    """
    return -(-len(text.encode()) // 3)


class Episode(NamedTuple):
    """One thing that happened, ready to be told."""

    now: float
    line: str
    cost: int
    """Tokens of the line and its end."""


@dataclass
class Memory:
    """Episodes in order of time, at most ``capacity`` of them; recall at most ``ceiling`` tokens.

    When full, the least important episode goes, the oldest of equals first.
    """

    ceiling: int = 300
    capacity: int = 200
    episodes: list[Episode] = field(default_factory=list, init=False)
    _watched: Bools = field(init=False, repr=False)
    _weight: Floats = field(init=False, repr=False)
    """Base-2 logarithm of importance x recency, as seen from time 0: all episodes fade alike."""
    _has: Bools = field(init=False, repr=False)
    """Which genres an episode has; columns are the genres met so far."""
    _genres: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        room = self.capacity + 1
        self._watched, self._weight = np.zeros(room, dtype=bool), np.zeros(room)
        self._has = np.zeros((room, _GENRES), dtype=bool)

    def remember(self, now: float, item: Item, action: Action, rating: float) -> None:
        """Append what happened to one item; items the user did not read leave no trace."""
        if action == Action.UNSEEN or not self.capacity:
            return
        watched, place = action == Action.WATCH, len(self.episodes)
        line = _line(now, item, watched, rating)
        self.episodes.append(Episode(now, line, tokens(line + "\n")))
        self._watched[place] = watched
        self._weight[place] = now / HALF_LIFE_MINUTES + (0.0 if watched else _SKIPPED)
        self._has[place] = False
        for genre in item.genres:
            self._has[place, self._column(genre)] = True
        if place == self.capacity:
            self._forget(int(np.argmin(self._watched)))

    def recall(self, now: float, items: Sequence[Item]) -> str:
        """Return the episodes that matter most now for these items, oldest first, one a line.

        Episodes compete by importance x recency (half-life a week) x (1 + the share of their
        genres that the items have); as many as fit the token ceiling are told.
        """
        count = len(self.episodes)
        if not count:
            return ""
        page = {genre for item in items for genre in item.genres}
        columns = [self._genres[genre] for genre in page if genre in self._genres]
        has = self._has[:count]
        share = has[:, columns].sum(axis=1) / np.maximum(has.sum(axis=1), 1)
        score = self._weight[:count] + np.log2(1.0 + share)
        latest_first = np.argsort(-score[::-1], kind="stable")
        told: list[int] = []
        left = self.ceiling
        for place in (count - 1 - latest_first).tolist():
            cost = self.episodes[place].cost
            if cost <= left:
                told.append(place)
                left -= cost
                if left < _LEAST:
                    break
        return "\n".join([self.episodes[place].line for place in sorted(told)])

    def _column(self, genre: str) -> int:
        column = self._genres.setdefault(genre, len(self._genres))
        if column == self._has.shape[1]:
            self._has = np.hstack([self._has, np.zeros_like(self._has)])
        return column

    def _forget(self, place: int) -> None:
        """Let the episodes after one close up to it."""
        del self.episodes[place]
        for column in (self._watched, self._weight, self._has):
            column[place:-1] = column[place + 1 :]


def _line(now: float, item: Item, watched: bool, rating: float) -> str:
    """Return an episode as one line."""
    did = "watched" if watched else "passed over"
    given = f", rated {rating:g}" if watched and rating == rating else ""
    return f"- day {int(now // 1440) + 1}: {did} {_title(item.title)}{given}"


@lru_cache(maxsize=1 << 16)
def _title(title: str) -> str:
    return clean(title, TITLE_CAP)


_LEAST = tokens("- day 1: watched \n")
"""No episode costs less."""
