"""Which places of an order each request may still show, found without looking at the places it may."""

from dataclasses import dataclass

import numpy as np

from agents.schema import PAD, Ints
from simulator.recommenders.base import Requests


@dataclass(frozen=True, slots=True)
class Allowed:
    """The places 0..n-1 of an order of items that each of B requests does not exclude, ascending.

    Time and memory go with the exclusions, not with B x n. ``count`` is how many places each request has left.
    """

    count: Ints
    _shift: int
    _before: Ints
    _first: Ints

    @classmethod
    def of(cls, requests: Requests, place: Ints) -> "Allowed":
        """Return what is left of an order in which item i has ``place[i]``; unknown exclusions change nothing."""
        n, users = len(place), np.arange(len(requests))
        row, item = np.repeat(users, np.diff(requests.exclude_starts)), requests.exclude
        known = (item >= 0) & (item < n)
        if not known.all():
            row, item = row[known], item[known]
        shift = n.bit_length()  # row and place in one word: sorted together, and found together
        cells = np.sort((row << shift) | place[item])
        fresh = np.ones(len(cells), dtype=np.bool_)
        np.not_equal(cells[1:], cells[:-1], out=fresh[1:])
        cells = cells[fresh]
        row = cells >> shift
        barred = np.bincount(row, minlength=len(users))
        first = np.cumsum(barred) - barred
        before = cells - (np.arange(len(cells)) - first[row])  # not the place, but how many allowed ones precede it
        return cls(n - barred, shift, before, first)

    def places(self, number: Ints) -> Ints:
        """Return the place of allowed place ``number`` of each request, counted from 0; PAD below and beyond.

        ``number`` broadcasts to (B, k).
        """
        there = (number >= 0) & (number < self.count[:, None])
        cell = (np.arange(len(self.count))[:, None] << self._shift) | np.where(there, number, 0)
        passed = np.searchsorted(self._before, cell, side="right") - self._first[:, None]
        return np.where(there, number + passed, PAD)
