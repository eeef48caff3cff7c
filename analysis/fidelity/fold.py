"""Who is learned from, who is judged, and by what: the division of real interactions into what a user model may
know and what it must foretell."""

from dataclasses import dataclass

import numpy as np

from agents.errors import InvalidInput
from agents.schema import Bools, Draws, Floats, History, Ints

FEWEST = 20
"""Interactions a user needs to take part."""
TESTED = 0.2
"""Share of the users that are judged; the population is learned from the others."""
KNOWN = 0.8
"""Share of a judged user's interactions, the earliest, that it is conditioned on."""


@dataclass(frozen=True)
class Fold:
    """One division. ``known`` and ``held`` are disjoint, both sorted by user and, within a user, by turn.

    ``fitted`` are the users the population is learned from, with all their interactions; ``tested``
    those conditioned on their part of ``known`` and judged by their part of ``held``.
    """

    known: History
    held: History
    fitted: Ints
    tested: Ints

    def taken(self, n_items: int) -> Bools:
        """Tell (tested, items) what each judged user ever takes, known or held out."""
        place = np.full(1 + max(int(self.tested.max(initial=0)), int(self.known.user_id.max(initial=0))), -1)
        place[self.tested] = np.arange(len(self.tested))
        matrix = np.zeros((len(self.tested), n_items), dtype=np.bool_)
        for log in (self.known, self.held):
            mine = place[log.user_id] >= 0
            matrix[place[log.user_id[mine]], log.item_id[mine]] = True
        return matrix


def divide(log: History, draws: Draws, users: int | None = None) -> Fold:
    """Divide interactions by keyed draw: users with fewer than ``FEWEST`` are left out.

    ``users`` caps how many are judged. Interactions of one moment are put in keyed order, so that the
    order of rows in a file tells nothing. Raise InvalidInput where too few users are left.
    """
    counts = np.bincount(log.user_id)
    able = np.flatnonzero(counts >= FEWEST)
    order = able[np.argsort(draws.uniform("fidelity user", able), kind="stable")]
    wanted = round(TESTED * len(able))
    if wanted < 2 or len(able) - wanted < 2:
        raise InvalidInput(f"{len(able)} users have {FEWEST} interactions or more; fidelity needs at least 10 of them")
    tested, fitted = np.sort(order[: min(wanted, users or wanted)]), np.sort(order[wanted:])
    tie = draws.uniform("fidelity tie", log.user_id, log.item_id, np.arange(len(log.user_id)))
    rows = np.lexsort((tie, log.time, log.user_id))
    turn = np.arange(len(rows)) - np.searchsorted(log.user_id[rows], log.user_id[rows])
    judged = np.isin(log.user_id[rows], tested)
    held = judged & (turn >= np.floor(KNOWN * counts[log.user_id[rows]]))
    known = (judged | np.isin(log.user_id[rows], fitted)) & ~held
    return Fold(_rows(log, rows[known]), _rows(log, rows[held]), fitted, tested)


def halves(held: History, draws: Draws) -> Bools:
    """Tell which held-out interactions are in the first of two random halves of each user's."""
    key = draws.uniform("fidelity half", held.user_id, held.item_id)
    order = np.lexsort((key, held.user_id))
    turn = np.arange(len(order)) - np.searchsorted(held.user_id[order], held.user_id[order])
    first = np.empty(len(order), dtype=np.bool_)
    first[order] = turn % 2 == 0
    return first


def only(log: History, chosen: Bools) -> History:
    """Return the interactions for which ``chosen`` holds."""
    return _rows(log, np.flatnonzero(chosen))


def together(one: History, other: History) -> History:
    """Return two histories in one, sorted by user and then by time; ``one`` first among equals."""
    columns = [np.concatenate([getattr(one, name), getattr(other, name)]) for name in History.__slots__]
    whole = History(*columns)
    return _rows(whole, np.lexsort((whole.time, whole.user_id)))


def _rows(log: History, rows: Ints) -> History:
    return History(log.user_id[rows], log.item_id[rows], log.rating[rows], log.time[rows])


def liked(rating: Floats, scale: tuple[float, float, float]) -> Bools:
    """Tell which ratings are in the upper three tenths of the scale: 4 and 5 of 1-5, 7 and more of 0-10.

    >>> liked(np.array([3.0, 4.0]), (1, 5, 1)).tolist(), liked(np.array([6.0, 7.0]), (0, 10, 1)).tolist()
    ([False, True], [False, True])
    """
    lowest, highest, _ = scale
    return np.asarray(rating >= lowest + 0.7 * (highest - lowest) - 1e-9)
