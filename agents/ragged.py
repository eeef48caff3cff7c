"""Many lists that grow, in one pool of arrays."""

from typing import Any

import numpy as np
import numpy.typing as npt

from agents.schema import Ints

Columns = dict[str, npt.NDArray[Any]]


PART = 1 << 16
"""Lists packed at once."""


class Ragged:
    """``n`` lists of entries; each column of all their entries is one array.

    A list that outgrows its room moves to the end of the pool; the pool is packed when most of it
    is holes. Cost is that of the entries touched, memory at most about three times their size.
    """

    def __init__(self, n: int, **types: npt.DTypeLike) -> None:
        self.size: Ints = np.zeros(n, dtype=np.int64)
        self._start: Ints = np.zeros(n, dtype=np.int64)
        self._room: Ints = np.zeros(n, dtype=np.int64)
        self._end = 0
        self.columns: Columns = {name: np.empty(0, dtype=kind) for name, kind in types.items()}
        """The pool; ``find`` tells where in it a list's entries are."""

    def find(self, rows: Ints) -> tuple[Ints, Ints]:
        """Return (owner, place) of every entry of the lists ``rows``, list after list.

        ``owner`` indexes ``rows``, ``place`` the columns.
        """
        size = self.size[rows]
        owner = np.repeat(np.arange(len(rows)), size)
        shift = self._start[rows] - (np.cumsum(size) - size)
        return owner, np.arange(len(owner)) + shift[owner]

    def at(self, rows: Ints, index: Ints) -> Ints:
        """Return the places of entries by their index in the lists ``rows`` (broadcast)."""
        return np.asarray(self._start[rows] + index)

    def append(self, rows: Ints, count: Ints, **values: npt.ArrayLike) -> None:
        """Append ``count`` entries to each of the distinct lists ``rows``; values go list after list."""
        size = self.size[rows]
        tight = size + count > self._room[rows]
        if tight.any():
            self._move(rows[tight], (size + count)[tight])
        shift = self._start[rows] + size - (np.cumsum(count) - count)
        owner = np.repeat(np.arange(len(rows)), count)
        place = np.arange(len(owner)) + shift[owner]
        for name, added in values.items():
            self.columns[name][place] = added
        self.size[rows] += count

    def _move(self, rows: Ints, wanted: Ints) -> None:
        """Give lists more room, at the end of the pool."""
        _, before = self.find(rows)
        room = wanted + np.maximum(wanted // 2, 4)
        self._reserve(int(room.sum()))
        self._start[rows] = self._end + np.cumsum(room) - room
        self._room[rows] = room
        self._end += int(room.sum())
        _, after = self.find(rows)
        for column in self.columns.values():
            column[after] = column[before]
        if self._end > 2 * int(self._room.sum()) + 4096:
            self._pack()

    def _reserve(self, more: int) -> None:
        for name, column in self.columns.items():
            if self._end + more > len(column):
                grown = np.empty(self._end + more + len(column) // 4, dtype=column.dtype)
                grown[: self._end] = column[: self._end]
                self.columns[name] = grown

    def _pack(self) -> None:
        """Close the holes; in parts, so that no array is as long as the pool but the columns themselves."""
        start = np.cumsum(self._room) - self._room
        packed = {name: np.empty(int(self._room.sum()), dtype=column.dtype) for name, column in self.columns.items()}
        for first in range(0, len(start), PART):
            rows = np.arange(first, min(first + PART, len(start)))
            owner, before = self.find(rows)
            after = before + (start - self._start)[rows][owner]
            for name, column in self.columns.items():
                packed[name][after] = column[before]
        self._start, self._end, self.columns = start, int(self._room.sum()), packed

    def state(self) -> Columns:
        """Return the pool as it is."""
        bounds = {"size": self.size, "start": self._start, "room": self._room}
        return bounds | {f"column.{name}": column[: self._end] for name, column in self.columns.items()}

    def load_state(self, state: Columns) -> None:
        """Become the lists that returned this state."""
        self.size, self._start, self._room = (np.array(state[name]) for name in ("size", "start", "room"))
        self.columns = {name: np.array(state[f"column.{name}"]) for name in self.columns}
        self._end = len(next(iter(self.columns.values())))
