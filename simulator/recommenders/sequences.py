"""Histories as fixed-length rows for sequence networks: item + 1, 0 where there is none."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from agents.schema import PAD, Bools, Floats, Ints
from simulator.catalog import Interactions
from simulator.recommenders.base import Requests

SHORTEST = 6
"""Rows are not made shorter than this for short histories."""


class Told(NamedTuple):
    """Rows of entries, newest last: item + 1 (0: none), the minute of each, and the minute of what follows it."""

    items: Ints
    times: Floats
    until: Floats


def windows(log: Interactions, length: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Cut every user's history into as few rows as hold it, at random places: (inputs, targets), both (rows, length).

    ``targets[r, s]`` is what the user took right after ``inputs[r, s]``; every transition of the log is
    in exactly one row. Cuts move within the room the last row leaves, so epochs differ.
    """
    place, after = cuts(log, length, rng)
    return _items(log, place), _items(log, after)


def cuts(log: Interactions, length: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return the rows of ``windows`` as places in the log, PAD where there is none."""
    order = np.argsort(log.user_id, kind="stable")
    user = log.user_id[order]
    follows = np.flatnonzero(user[1:] == user[:-1])
    _, place, count = np.unique(user[follows], return_inverse=True, return_counts=True)
    rows = -(-count // length)
    shift = rng.integers(0, rows * length - count + 1)
    nth = np.arange(len(follows)) - (np.cumsum(count) - count)[place] + shift[place]
    row = (np.cumsum(rows) - rows)[place] + nth // length
    inputs = np.full((int(rows.sum()), length), PAD, dtype=np.int64)
    targets = np.full_like(inputs, PAD)
    inputs[row, nth % length] = order[follows]
    targets[row, nth % length] = order[follows + 1]
    return inputs, targets


def _items(log: Interactions, place: Ints) -> Ints:
    return np.where(place == PAD, 0, log.item_id[place] + 1)


def by_length(log: Interactions, length: int) -> list[tuple[int, Interactions]]:
    """Return the log by users: with each part, the shortest rows (length, or halves of it) that hold its histories."""
    _, user, count = np.unique(log.user_id, return_inverse=True, return_counts=True)
    sizes = np.array([size for n in range(length) if (size := length >> n) >= SHORTEST] or [length])
    fits = (sizes[None, :] >= np.minimum(count - 1, length)[:, None]).sum(axis=1) - 1
    mine = sizes[fits][user]
    parts = ((int(size), log.take(mine == size)) for size in sizes)
    return [(size, part) for size, part in parts if len(part)]


def steps(log: Interactions, length: int, rows: int, rng: np.random.Generator) -> int:
    """Return how many batches one pass has."""
    return sum(-(-len(cuts(part, size, rng)[0]) // rows) for size, part in by_length(log, length))


def batches(log: Interactions, length: int, rows: int, rng: np.random.Generator) -> Iterator[tuple[Told, Ints]]:
    """Yield one pass over the log in random order: at most ``rows`` rows at a time, and what follows each entry.

    Users with short histories are cut into shorter rows, so that little is padding.
    """
    found: list[tuple[Interactions, Ints, Ints]] = []
    for size, part in by_length(log, length):
        place, after = cuts(part, size, rng)
        shuffled = rng.permutation(len(place))
        some = (shuffled[first : first + rows] for first in range(0, len(shuffled), rows))
        found += [(part, place[chosen], after[chosen]) for chosen in some]
    mixed = rng.permutation(len(found)) if len({id(part) for part, _, _ in found}) > 1 else range(len(found))
    for n in mixed:
        part, place, after = found[n]
        times, until = (np.where(at == PAD, 0.0, part.time[at]) for at in (place, after))
        yield Told(_items(part, place), times, until), _items(part, after)


def newest(requests: Requests, known: Bools, length: int) -> Ints:
    """Return (B, length): the newest entries of each history that are known, newest last.

    Entries that are not known are as if they had never been.
    """
    return told(requests, known, length).items


def told(requests: Requests, known: Bools, length: int) -> Told:
    """Return the rows of ``newest`` with the times of their entries; what follows the last is the request."""
    inside = (requests.history >= 0) & (requests.history < len(known))
    kept = np.flatnonzero(inside)
    kept = kept[known[requests.history[kept]]]
    row = requests.row()[kept]
    ends = np.searchsorted(row, np.arange(len(requests)), side="right")
    age = ends[row] - 1 - np.arange(len(kept))
    recent = age < length
    at, kept = (row[recent], length - 1 - age[recent]), kept[recent]
    items, times = np.zeros((len(requests), length), dtype=np.int64), np.zeros((len(requests), length))
    items[at], times[at] = requests.history[kept] + 1, requests.history_time[kept]
    return Told(items, times, np.hstack([times[:, 1:], requests.now[:, None]]))
