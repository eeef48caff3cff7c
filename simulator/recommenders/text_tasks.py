"""Three tasks as texts to read and texts to say, about items that are words of their own.

Items are numbered in the order in which training shows them first, so that a number tells nothing
that training does not: not how a file numbers items, nor what was held out.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from agents.schema import Floats, Ints
from simulator.catalog import Catalog, Interactions

Task = Literal["sequential", "rating", "explanation"]
WORDS = (
    "",
    "<start>",
    "<end>",
    "sequential",
    "rating",
    "explanation",
    "because",
    "you",
    "watched",
    "both",
    "are",
    "and",
)
"""The words that texts are made of beside ratings, genres and items; the first fills rows up."""
START, END = 1, 2
LONGEST = 12
"""Tokens of the longest explanation, from the start to its end."""


@dataclass(frozen=True)
class Vocabulary:
    """Words, then rating levels, then genres, then items by their numbers."""

    levels: Floats
    genres: tuple[str, ...]
    number: Ints
    """(items,) number of each item, -1 for those that training never showed"""

    @staticmethod
    def of(log: Interactions, catalog: Catalog, before: "Vocabulary | None" = None) -> "Vocabulary":
        """Return the words of a log; what was known before keeps its number, and new items follow."""
        number = np.full(len(catalog), -1, dtype=np.int64)
        if before is not None:
            number[: len(before.number)] = before.number[: len(catalog)]
        items, first = np.unique(log.item_id, return_index=True)
        new = items[np.argsort(first)]
        new = new[number[new] < 0]
        number[new] = number.max(initial=-1) + 1 + np.arange(len(new))
        if before is not None:
            return Vocabulary(before.levels, before.genres, number)
        halves = np.unique(np.round(2 * log.rating[np.isfinite(log.rating)]) / 2)
        return Vocabulary(halves, catalog.genres, number)

    @property
    def size(self) -> int:
        """Return the number of tokens."""
        return self.item_token(int(self.number.max(initial=-1)) + 1)

    def item_token(self, number: int) -> int:
        """Return the token of an item by its number."""
        return len(WORDS) + len(self.levels) + len(self.genres) + number

    def items(self, item_id: Ints) -> Ints:
        """Return the tokens of items, which must be numbered."""
        return self.item_token(0) + self.number[item_id]

    def rated(self, rating: Floats) -> Ints:
        """Return the tokens of the levels nearest to ratings, 0 for none."""
        if not len(self.levels):
            return np.zeros(len(rating), dtype=np.int64)
        nearest = np.abs(np.nan_to_num(rating)[:, None] - self.levels).argmin(axis=1)
        return np.where(np.isfinite(rating), len(WORDS) + nearest, 0)

    def genre(self, place: int) -> int:
        """Return the token of a genre by its place."""
        return len(WORDS) + len(self.levels) + place

    def text(self, tokens: Sequence[int], titles: Callable[[int], str]) -> str:
        """Return tokens as people read them; ``titles`` writes an item by its number."""
        names = (*WORDS, *(f"{level:g}" for level in self.levels), *self.genres)
        return " ".join(names[t] if t < len(names) else titles(t - len(names)) for t in tokens if t not in (0, END))


class Row(NamedTuple):
    """What is read, what is said so far, and what should come next after each token of it (0: anything)."""

    read: list[int]
    said: list[int]
    wanted: list[int]


@dataclass(frozen=True)
class Person:
    """One user's history as tokens, oldest first."""

    item_id: Ints
    items: Ints
    rated: Ints


def people(log: Interactions, words: Vocabulary) -> list[Person]:
    """Return every user with at least two interactions."""
    users, place = np.unique(log.user_id, return_inverse=True)
    order = np.argsort(place, kind="stable")
    ends = np.cumsum(np.bincount(place, minlength=len(users)))
    items, rated = words.items(log.item_id), words.rated(log.rating)
    parts = (order[start:end] for start, end in zip(np.append(0, ends)[:-1], ends, strict=True) if end - start > 1)
    return [Person(log.item_id[rows], items[rows], rated[rows]) for rows in parts]


def sequential(person: Person, length: int, rng: np.random.Generator) -> Row:
    """Read what was taken up to a random moment of a random stretch, and say what came after, item by item."""
    end = count = len(person.items)
    if count > 2 * length:
        end = int(rng.integers(2 * length, count + 1))
    cut = int(rng.integers(max(end - 2 * length, 0) + 1, end))
    after = person.items[cut : min(end, cut + length)].tolist()
    return Row(reading("sequential", person.items[:cut], length), [START, *after[:-1]], after)


def rating(person: Person, length: int, rng: np.random.Generator) -> Row | None:
    """Read ratings up to a random moment, and say those after it, each behind its item."""
    rated = np.flatnonzero(person.rated > 0)
    if len(rated) < 2:
        return None
    cut = int(rng.integers(1, len(rated)))
    known, asked = rated[:cut], rated[cut : cut + length // 2]
    pairs = np.stack([person.items[asked], person.rated[asked]], axis=1)
    said = [START, *pairs.ravel().tolist()[:-1]]
    wanted = [0, *(token for level in pairs[:, 1].tolist() for token in (level, 0))][: len(said)]
    return Row(rated_reading(person.items[known], person.rated[known], length), said, wanted)


def explanation(words: Vocabulary, genres: Ints, person: Person, length: int, rng: np.random.Generator) -> Row | None:
    """Read what was taken up to a random moment, and say why the item after it was shown."""
    cut = int(rng.integers(1, len(person.items)))
    before = person.item_id[:cut][-length:]
    why = reason(words, genres, before, int(person.item_id[cut]))
    if why is None:
        return None
    said = [START, int(person.items[cut]), *why[:-1]]
    return Row(reading("explanation", person.items[:cut], length), said, [0, *why])


def reason(words: Vocabulary, genres: Ints, before: Ints, item: int) -> list[int] | None:
    """Return the template's explanation of an item: the newest item that shares most genres with it, and up to two.

    None where none shares any. It ends with the end.
    """
    shared = genres[before] & genres[item]
    count = shared.sum(axis=1)
    if not len(before) or not count.max():
        return None
    best = len(before) - 1 - int(np.argmax(count[::-1]))
    named = [words.genre(place) for place in np.flatnonzero(shared[best])[:2].tolist()]
    told = [word("because"), word("you"), word("watched"), int(words.items(before[best : best + 1])[0])]
    told += [word("both"), word("are"), named[0]]
    return [*told, *(token for genre in named[1:] for token in (word("and"), genre)), END]


def word(text: str) -> int:
    """Return the token of a word."""
    return WORDS.index(text)


def reading(task: Task, items: Ints, length: int) -> list[int]:
    """Return the text to read about a history: the task, then its newest items, the newest first."""
    return [word(task), *items[::-1][:length].tolist()]


def rated_reading(items: Ints, rated: Ints, length: int) -> list[int]:
    """Return the text to read about ratings: the task, then items with their ratings, the newest first."""
    pairs = np.stack([items, rated], axis=1)[::-1][: length // 2]
    return [word("rating"), *pairs.ravel().tolist()]


def padded(texts: Sequence[Sequence[int]], rows: int, length: int) -> Ints:
    """Return texts as (rows, length), filled up with 0."""
    table = np.zeros((rows, length), dtype=np.int64)
    for row, text in enumerate(texts):
        table[row, : len(text)] = text
    return table


def batches(rows: Sequence[Row], size: int, length: int, rng: np.random.Generator) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Yield rows in random order, so many at a time, as tables to read, to say and wanted."""
    order = rng.permutation(len(rows)).tolist()
    for first in range(0, len(order), size):
        some = [rows[place] for place in order[first : first + size]]
        columns = ([getattr(row, name) for row in some] for name in Row._fields)
        read, said, wanted = (padded(texts, len(some), max(map(len, texts))) for texts in columns)
        yield read, said, wanted
