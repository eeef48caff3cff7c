"""What changes in users, as columns: one row per simulated user, however its turn comes about."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agents.drift import Drift
from agents.mood import CONTENT, NEUTRAL, RESTED, calmed, forgiven, pleased, rested, tired, trusting, worth
from agents.ragged import Columns, Ragged
from agents.rhythm import next_visit, nth_visit
from agents.schema import Action, Bools, Decisions, Floats, Ints, Pages, Setting

LEAST_PAGE_MINUTES = 1 / 64
"""A page takes some time even where nothing on it was read."""

SCRATCH = 1 << 21
"""Cells of the table in which slates are looked up at once."""


class Exposures:
    """How often each user read each item and, where somebody asks for it, how often it watched it."""

    def __init__(self, n_users: int, n_items: int, *, watches: bool = False) -> None:
        self._n_items = n_items
        self._rows = max(SCRATCH // max(n_items, 1), 1)
        counts = {"times": np.uint16} | ({"watches": np.uint16} if watches else {})
        self._read = Ragged(n_users, item=np.int32, **counts)
        self._table = np.zeros(0, dtype=np.int32)

    def look(self, rows: Ints, item_id: Ints) -> tuple[Ints, Ints]:
        """Return (times, index), both (B, K): how often the users read the items, and where that is kept.

        ``index`` counts from 1 in the user's own list, 0 for an item never read (or PAD).
        """
        index = np.zeros(item_id.shape, dtype=np.int64)
        for first in range(0, len(rows), self._rows):
            part = slice(first, first + self._rows)
            index[part] = self._index(rows[part], item_id[part])
        return self._kept("times", rows, index), index

    def watches(self, rows: Ints, index: Ints) -> Ints | None:
        """Return (B, K) how often the users watched items, ``index`` as from ``look``; None where it is not counted."""
        return self._kept("watches", rows, index) if "watches" in self._read.columns else None

    def _kept(self, name: str, rows: Ints, index: Ints) -> Ints:
        times = np.zeros(index.shape, dtype=np.int64)
        known = index > 0
        if known.any():
            places = self._read.at(rows[:, None], index - 1)
            times[known] = self._read.columns[name][places[known]]
        return times

    def _index(self, rows: Ints, item_id: Ints) -> Ints:
        owner, place = self._read.find(rows)
        if not len(owner):
            return np.zeros(item_id.shape, dtype=np.int64)
        if len(self._table) < len(rows) * self._n_items:
            self._table = np.zeros(len(rows) * self._n_items, dtype=np.int32)
        cell = owner * self._n_items + self._read.columns["item"][place]
        first = np.cumsum(self._read.size[rows]) - self._read.size[rows]
        self._table[cell] = np.arange(1, len(owner) + 1) - first[owner]
        found = self._table[np.arange(len(rows))[:, None] * self._n_items + np.maximum(item_id, 0)]
        self._table[cell] = 0
        return np.where(item_id >= 0, found, 0)

    def add(self, rows: Ints, item_id: Ints, index: Ints, read: Bools, watched: Bools) -> None:
        """Count what was read, and watched; ``index`` as ``look`` returned it for the same pages."""
        again, anew = read & (index > 0), read & (index == 0)
        one = {"times": read, "watches": watched} if "watches" in self._read.columns else {"times": read}
        if again.any():
            places = self._read.at(rows[:, None], index - 1)[again]
            for name, more in one.items():
                times = self._read.columns[name]
                times[places] = np.minimum(times[places].astype(np.int64) + more[again], np.iinfo(np.uint16).max)
        count = anew.sum(axis=1)
        some = count > 0
        if some.any():
            first = {name: more[anew] for name, more in one.items()}
            self._read.append(rows[some], count[some], item=item_id[anew], **first)

    def state(self) -> Columns:
        """Return everything as arrays."""
        return self._read.state()

    def load_state(self, state: Columns) -> None:
        """Become the exposures that returned this state."""
        self._read.load_state(state)


@dataclass(frozen=True)
class Look:
    """Pages as their users see them, and where the users keep what they read before."""

    pages: Pages
    session_id: Ints
    began: Floats
    """Start of the visit."""
    index: Ints
    """(B, K), see ``Exposures.look``"""


VISITS = 2**20
"""Session ids are user_id * VISITS + the number of the visit."""


class Cohort:
    """Mood, counters and exposures of the users ``mine`` (by default all), one row a user in the order of their ids.

    Methods take user ids; ``here`` tells in which rows of the arrays they are. ``visits`` and
    ``decisions`` count what was begun; with the user id they key every draw.
    """

    COLUMNS = ("visits", "decisions", "page", "began", "last", "fatigue", "satisfaction", "trust")

    def __init__(self, setting: Setting, mine: range | None = None, *, watches: bool = False) -> None:
        self.mine = range(len(setting.personas)) if mine is None else mine
        n = len(self.mine)
        self.visits: Ints = np.zeros(n, dtype=np.int64)
        self.decisions: Ints = np.zeros(n, dtype=np.int64)
        self.page: Ints = np.zeros(n, dtype=np.int64)
        """Pages seen in the visit under way."""
        self.began: Floats = np.zeros(n)
        self.last: Floats = np.zeros(n)
        """When the user last turned a page."""
        self.fatigue: Floats = np.full(n, RESTED)
        self.satisfaction: Floats = np.full(n, CONTENT)
        self.trust: Floats = np.full(n, NEUTRAL)
        """In the recommender."""
        self.exposures = Exposures(n, len(setting.items), watches=watches)
        self.drift = Drift(setting, self.mine) if setting.drift else None
        self._draws = setting.draws
        self._per_day = setting.personas.traits.activity * setting.sessions_per_day
        self._rounds = setting.sessions_per_day if setting.rounds else 0.0
        self._lowest, highest, _ = setting.scale
        self._span = highest - self._lowest

    def __len__(self) -> int:
        return len(self.visits)

    def here(self, rows: Ints) -> Ints:
        """Return the rows of these users in the arrays."""
        return rows - self.mine.start

    def next_visit(self, rows: Ints, now: npt.ArrayLike) -> Floats:
        """Return the moments of the next visits, multiples of 1/1024 minute later than ``now``."""
        visits = self.visits[self.here(rows)]
        draw = self._draws.uniform("visit", rows, visits)
        if self._rounds:
            return nth_visit(now, visits, self._rounds, draw)
        return next_visit(now, self._per_day[rows], draw)

    def turn_page(self, rows: Ints, now: Floats) -> None:
        """Open the next page; the first of a visit finds the user rested by the time away."""
        here = self.here(rows)
        self.page[here] += 1
        new = self.page[here] == 1
        if new.any():
            fresh, moment = here[new], now[new]
            away = moment - self.last[fresh]
            self.fatigue[fresh] = rested(self.fatigue[fresh], away)
            self.satisfaction[fresh] = calmed(self.satisfaction[fresh], away)
            self.trust[fresh] = forgiven(self.trust[fresh], away)
            self.began[fresh] = moment
            self.visits[fresh] += 1

    def look(self, rows: Ints, now: Floats, item_id: Ints, popularity: Floats, told: Ints | None = None) -> Look:
        """Return slates (B, K), with visible counts and what friends told, as users see the page opened last."""
        here = self.here(rows)
        exposures, index = self.exposures.look(here, item_id)
        pages = Pages(
            user_id=rows,
            now=now,
            page=self.page[here],
            decision=self.decisions[here],
            item_id=item_id,
            popularity=popularity,
            exposures=exposures,
            fatigue=self.fatigue[here],
            satisfaction=self.satisfaction[here],
            told=told,
            trust=self.trust[here],
            drift=self.drift.at(rows, now) if self.drift else None,
            watches=self.exposures.watches(here, index),
        )
        return Look(pages, rows * VISITS + self.visits[here], self.began[here], index)

    def live(self, look: Look, decisions: Decisions, recommended: npt.ArrayLike = True) -> Floats:
        """Let users live with what they decided: remember, tire, be pleased or not; return minutes spent (B,).

        Pages that were not ``recommended`` leave trust in the recommender as it is.
        """
        pages, rows = look.pages, look.pages.user_id
        here = self.here(rows)
        read = decisions.action != Action.UNSEEN
        watched = decisions.action == Action.WATCH
        n_read, n_watched = read.sum(axis=1), watched.sum(axis=1)
        self.decisions[here] += 1
        self.exposures.add(here, pages.item_id, look.index, read, watched)
        self.fatigue[here] = tired(pages.fatigue, n_read)
        rating = voiced(decisions.rating, decisions.feedback, self._lowest, self._lowest + self._span)
        if self.drift:
            liked = (np.nan_to_num(rating, nan=self._middling) - self._lowest) / self._span
            self.drift.live(rows, pages.now, pages.item_id, watched, liked)
        level = self._level(rating, watched, n_watched)
        self.satisfaction[here] = pleased(pages.satisfaction, n_read, n_watched, level)
        after = trusting(self.trust[here], pages.satisfaction, worth(n_read, n_watched, level))
        self.trust[here] = np.where(recommended, after, self.trust[here])
        minutes: Floats = np.maximum(decisions.dwell.sum(axis=1), LEAST_PAGE_MINUTES)
        self.last[here] = pages.now + minutes
        return minutes

    def leave(self, rows: Ints) -> None:
        """End the visits of these users."""
        self.page[self.here(rows)] = 0

    @property
    def _middling(self) -> float:
        return self._lowest + CONTENT * self._span

    def _level(self, rating: Floats, watched: Bools, n_watched: Ints) -> Floats:
        """Return the mean rating as a share of the scale; what was watched without one counts as middling."""
        given = np.where(watched, np.where(np.isnan(rating), self._middling, rating), 0.0)
        return np.asarray((given.sum(axis=1) / np.maximum(n_watched, 1) - self._lowest) / self._span)

    def state(self) -> Columns:
        """Return everything as arrays."""
        exposures = {f"exposures.{name}": column for name, column in self.exposures.state().items()}
        drift = {f"drift.{name}": column for name, column in self.drift.state().items()} if self.drift else {}
        return {name: getattr(self, name) for name in self.COLUMNS} | exposures | drift

    def load_state(self, state: Columns) -> None:
        """Become the cohort that returned this state."""
        for name in self.COLUMNS:
            setattr(self, name, np.array(state[name]))
        self.exposures.load_state(_under("exposures.", state))
        if self.drift:
            self.drift.load_state(_under("drift.", state))


def voiced(rating: Floats, feedback: npt.NDArray[np.int8] | None, lowest: float, highest: float) -> Floats:
    """Return ratings, a like or dislike standing for the highest or lowest where none was given."""
    if feedback is None:
        return rating
    said = np.array([np.nan, highest, lowest])[feedback]
    return np.where(np.isnan(rating), said, rating)


def _under(prefix: str, state: Columns) -> Columns:
    return {name.removeprefix(prefix): column for name, column in state.items() if name.startswith(prefix)}
