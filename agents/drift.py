"""How tastes move: what users watch and like draws their tastes to itself, and the pull fades.

A taste is the log ratio of a user's genre shares to everybody's (``agents.traits``), and each item shows one:
that of a history of such items alone, of the length at which who goes on as before stays as it is. What is
watched moves tastes part of the way to what it shows, the further the better it was liked, and without anything
new they return to what they were at first: opinion formation with attachment to the initial opinion (Friedkin &
Johnsen 1990), under what a recommender shows (Rossi, Polderman & Frasca 2022, arXiv 1809.04644). Tastes stay
within what they were and what the items watched show.
"""

from collections.abc import Sequence

import numpy as np

from agents.ragged import Columns
from agents.schema import Bools, Floats, Ints, Setting
from agents.traits import Singles, genre_matrix, shown_tastes
from agents.untrusted import clean

HISTORY = 20.0
"""Items of a history that shows a taste: more would sharpen the tastes of who watches by them, fewer blunt them."""
NOTABLE = 0.25
"""Change of a taste that its user is aware of."""
MOST_NAMED = 2
GENRE_CAP = 40


class Drift:
    """How far the tastes of the users ``mine`` (by default all) have moved, one row of genres a user."""

    def __init__(self, setting: Setting, mine: range | None = None) -> None:
        self.genres, member = genre_matrix(setting.items)
        self._mine = mine = range(len(setting.personas)) if mine is None else mine
        self._first = setting.personas.traits.tastes_for(self.genres)[mine.start : mine.stop]
        self._shows = shown_tastes(member, setting.popularity, HISTORY)
        self._pull, self._half_life = setting.drift, setting.drift_half_life
        self._moved: Singles = np.zeros(self._first.shape, dtype=np.float32)
        self._since: Floats = np.zeros(len(self._first))
        """When each row was written; what is left of it fades from then on."""

    def at(self, rows: Ints, now: Floats) -> Singles:
        """Return (B, genres) how far the users' tastes have moved by now."""
        here = rows - self._mine.start
        left = np.exp2(-(now - self._since[here]) / self._half_life)
        return self._moved[here] * left[:, None].astype(np.float32)

    def live(self, rows: Ints, now: Floats, item_id: Ints, watched: Bools, level: Floats) -> None:
        """Let what was watched (B, K) move tastes, in the order of positions; ``level`` in [0, 1] is how it was liked.

        Each item takes tastes a share 1 - exp(-pull x level) of the way.
        """
        here = rows - self._mine.start
        moved, nth = self.at(rows, now), np.cumsum(watched, axis=1)
        for turn in range(1, int(nth.max(initial=0)) + 1):
            page, place = np.nonzero(watched & (nth == turn))
            share = -np.expm1(-self._pull * level[page, place]).astype(np.float32)
            goal = self._shows[item_id[page, place]] - self._first[here[page]]
            moved[page] += share[:, None] * (goal - moved[page])
        self._moved[here], self._since[here] = moved, now

    def distance(self, rows: Ints, now: Floats) -> Floats:
        """Return the Euclidean distance of the users' tastes from those they began with."""
        moved = self.at(rows, now).astype(np.float64)
        return np.asarray(np.sqrt(np.einsum("bg,bg->b", moved, moved)))

    def state(self) -> Columns:
        """Return everything as arrays."""
        return {"moved": self._moved, "since": self._since}

    def load_state(self, state: Columns) -> None:
        """Become the drift that returned this state."""
        self._moved, self._since = np.array(state["moved"]), np.array(state["since"])


def lately(genres: Sequence[str], moved: Singles) -> str:
    """Return in words how one user's tastes have moved, nothing where it would not notice.

    >>> lately(("Action", "Drama", "War"), np.array([0.5, -0.1, -0.4], dtype=np.float32))
    ' Lately you are more drawn to Action. Lately you are less drawn to War.'
    """
    order = np.argsort(-moved, kind="stable").tolist()
    more = [clean(genres[place], GENRE_CAP) for place in order if moved[place] >= NOTABLE][:MOST_NAMED]
    less = [clean(genres[place], GENRE_CAP) for place in reversed(order) if moved[place] <= -NOTABLE][:MOST_NAMED]
    told = (("more", " and ".join(more)), ("less", " or ".join(less)))
    return "".join(f" Lately you are {way} drawn to {names}." for way, names in told if names)
