"""Word of mouth: users tell friends of what they liked, and what friends told counts in what users take."""

import numpy as np

from agents.cohort import voiced
from agents.conduct import Codes
from agents.errors import InvalidInput
from agents.ragged import Columns, Ragged
from agents.schema import Bools, Floats, Ints, Setting
from simulator.components import build
from simulator.graphs.base import MOST_USERS, Graph
from simulator.scenario import SocialSection
from simulator.seeds import Streams

SCRATCH = 1 << 21
"""Cells of the table in which tips are counted at once."""
TICKS = 1024.0


class Social:
    """Who knows whom, and what was told to whom when.

    A watched item is told of with the chance ``tell`` x how much it was liked (the rating as a share of its scale;
    without one all or nothing by a like or dislike, else one half), to one friend drawn at random. What was told
    at t is known to the friend as soon as t is visible to it (``Version.until``): word of mouth travels with the
    platform's lag.
    """

    def __init__(self, section: SocialSection, setting: Setting, streams: Streams) -> None:
        import networkx

        users = len(setting.personas)
        graph: Graph = build("graphs", section.graph.spec())
        if users > MOST_USERS:
            raise InvalidInput(f"social ties are built for at most {MOST_USERS:,} users, and there are {users:,}")
        tied = graph.tie(setting.personas.traits, tuple(setting.personas.sources()), streams)
        matrix = networkx.to_scipy_sparse_array(tied, nodelist=range(users), format="csr")
        self.friends: Ints = matrix.indices.astype(np.int64)
        """Friends of user 0, of user 1, and so on."""
        self.first: Ints = matrix.indptr.astype(np.int64)
        self._tell = section.tell if "tell" in setting.choices.able else 0.0
        self._personas = setting.personas
        self._n_items = len(setting.items)
        self._lowest, highest, _ = setting.scale
        self._highest, self._span = highest, highest - self._lowest
        self._streams = streams
        self._tips = Ragged(users, item=np.int32, time=np.float64, teller=np.int32)
        self._rows = max(SCRATCH // max(self._n_items, 1), 1)

    def ties(self) -> Columns:
        """Return each tie once, as columns of the ``ties`` table."""
        user = np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))
        once = user < self.friends
        return {"user_id": user[once], "friend_id": self.friends[once]}

    def told(self, rows: Ints, item_id: Ints, until: Floats) -> Ints:
        """Return (B, K): how often friends told these users of these items before ``until`` (B,)."""
        counts = np.zeros(item_id.shape, dtype=np.int64)
        for first in range(0, len(rows), self._rows):
            part = slice(first, first + self._rows)
            counts[part] = self._count(rows[part], item_id[part], until[part])
        return counts

    def _count(self, rows: Ints, item_id: Ints, until: Floats) -> Ints:
        owner, place = self._tips.find(rows)
        known = self._tips.columns["time"][place] < until[owner]
        cell = owner[known] * self._n_items + self._tips.columns["item"][place[known]]
        table = np.bincount(cell, minlength=len(rows) * self._n_items)
        asked = np.arange(len(rows))[:, None] * self._n_items + np.maximum(item_id, 0)
        return np.where(item_id >= 0, table[asked], 0)

    def tellers(self, rows: Ints, item_id: Ints, until: Floats) -> list[list[tuple[str, ...]]]:
        """Return, by page and position, the names of the friends who told of an item before ``until`` (B,)."""
        found = []
        for user, slate, moment in zip(rows.tolist(), item_id.tolist(), until.tolist(), strict=True):
            _, place = self._tips.find(np.array([user]))
            place = place[self._tips.columns["time"][place] < moment]
            told: dict[int, list[str]] = {}
            items, friends = (self._tips.columns[name][place].tolist() for name in ("item", "teller"))
            for item, friend in zip(items, friends, strict=True):
                told.setdefault(item, []).append(self._personas.name(friend))
            found.append([tuple(told.get(item, ())) for item in slate])
        return found

    def spread(self, user_id: Ints, item_id: Ints, rating: Floats, now: Floats, said: Codes | None = None) -> Columns:
        """Let users tell friends of what they watched, an entry a watch in canonical order; return rows of ``tips``.

        ``said`` are their likes and dislikes, which count where no rating was given.
        """
        rating = voiced(rating, said, self._lowest, self._highest)
        degree = np.diff(self.first)[user_id]
        moment = np.rint(now * TICKS).astype(np.int64)
        liked = np.where(np.isnan(rating), 0.5, (rating - self._lowest) / self._span)
        tells = self._streams.uniform("tell", user_id, item_id, moment) < self._tell * liked
        tells &= degree > 0
        which = self._streams.uniform("whom", user_id, item_id, moment) * degree
        friend = self.friends[np.where(tells, self.first[user_id] + which.astype(np.int64), 0)]
        return self._keep(user_id, item_id, now, friend, tells)

    def whisper(self, user_id: Ints, item_id: Ints, now: Floats) -> Columns:
        """Let these users hear of these items from one friend each, who need not have taken them; return the tips."""
        degree = np.diff(self.first)[user_id]
        moment = np.rint(now * TICKS).astype(np.int64)
        which = self._streams.uniform("whispers", user_id, item_id, moment) * degree
        known = degree > 0
        teller = self.friends[np.where(known, self.first[user_id] + which.astype(np.int64), 0)]
        return self._keep(teller, item_id, now, user_id, known)

    def hear(self, tips: Columns) -> None:
        """Take in rows of ``tips`` that were told elsewhere."""
        told = np.ones(len(tips["now"]), dtype=np.bool_)
        self._keep(tips["user_id"], tips["item_id"], tips["now"], tips["friend_id"], told)

    def _keep(self, user_id: Ints, item_id: Ints, now: Floats, friend: Ints, tells: Bools) -> Columns:
        user_id, item_id, now, friend = user_id[tells], item_id[tells], now[tells], friend[tells]
        order = np.argsort(friend, kind="stable")
        if len(order):
            count = np.bincount(friend)
            told = np.flatnonzero(count)
            self._tips.append(told, count[told], item=item_id[order], time=now[order], teller=user_id[order])
        return {"now": now, "user_id": user_id, "friend_id": friend, "item_id": item_id}

    def state(self) -> Columns:
        """Return what was told, as arrays."""
        return self._tips.state()

    def load_state(self, state: Columns) -> None:
        """Become the word of mouth that returned this state."""
        self._tips.load_state(state)
