"""Histories as fixed-length rows for sequence networks: item + 1, 0 where there is none."""

import numpy as np

from agents.schema import Bools, Ints
from simulator.catalog import Interactions
from simulator.recommenders.base import Requests


def windows(log: Interactions, length: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Cut every user's history into as few rows as hold it, at random places: (inputs, targets), both (rows, length).

    ``targets[r, s]`` is what the user took right after ``inputs[r, s]``; every transition of the log is
    in exactly one row. Cuts move within the room the last row leaves, so epochs differ.
    """
    order = np.argsort(log.user_id, kind="stable")
    user, item = log.user_id[order], log.item_id[order] + 1
    follows = np.flatnonzero(user[1:] == user[:-1])
    _, place, count = np.unique(user[follows], return_inverse=True, return_counts=True)
    rows = -(-count // length)
    shift = rng.integers(0, rows * length - count + 1)
    nth = np.arange(len(follows)) - (np.cumsum(count) - count)[place] + shift[place]
    row = (np.cumsum(rows) - rows)[place] + nth // length
    inputs = np.zeros((int(rows.sum()), length), dtype=np.int64)
    targets = np.zeros_like(inputs)
    inputs[row, nth % length] = item[follows]
    targets[row, nth % length] = item[follows + 1]
    return inputs, targets


def newest(requests: Requests, known: Bools, length: int) -> Ints:
    """Return (B, length): the newest entries of each history that are known, newest last.

    Entries that are not known are as if they had never been.
    """
    inside = (requests.history >= 0) & (requests.history < len(known))
    kept = np.flatnonzero(inside)
    kept = kept[known[requests.history[kept]]]
    row = requests.row()[kept]
    ends = np.searchsorted(row, np.arange(len(requests)), side="right")
    age = ends[row] - 1 - np.arange(len(kept))
    recent = age < length
    sequences = np.zeros((len(requests), length), dtype=np.int64)
    sequences[row[recent], length - 1 - age[recent]] = requests.history[kept[recent]] + 1
    return sequences
