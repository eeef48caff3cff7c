"""Part an interaction log into what recommenders learn from and what they are to predict."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from agents.errors import InvalidInput
from agents.schema import Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import Requests
from simulator.seeds import Streams

SHARE = 0.2
"""Share of interactions held out, by time over all users or by user."""
TIE_KEYS = 5
"""Orders of equal times that a comparison meant to be believed goes through."""


@dataclass(frozen=True)
class HeldOut:
    """What is known, one request per user asked, and the targets: what each should bring up.

    ``target[t]`` belongs to request ``owner[t]`` (ascending). A request's history and its exclusions
    are all that its user took in ``train``; it is asked at the time of the user's first target.
    """

    catalog: Catalog
    train: Interactions
    requests: Requests
    target: Ints
    owner: Ints

    def some(self, users: int) -> "HeldOut":
        """Return at most so many of the requests, drawn by key: all is learned from, but fewer users are judged."""
        drawn = np.argsort(Streams(0).uniform("judged user", self.requests.user_id), kind="stable")[:users]
        return self.of(np.sort(drawn))

    def of(self, rows: Ints) -> "HeldOut":
        """Return some of the requests, ``rows`` ascending, with their targets: all is learned from."""
        kept = np.isin(self.owner, rows)
        owner = np.searchsorted(rows, self.owner[kept])
        return replace(self, requests=self.requests.take(rows), target=self.target[kept], owner=owner)


def leave_one_out(log: Interactions, catalog: Catalog) -> HeldOut:
    """Hold out every user's last interaction by stable (time, original row) order, of users with at least two.

    ``target[b]`` is that of request b. Raise InvalidInput where nobody has two.
    """
    n_users = int(log.user_id.max(initial=-1)) + 1
    rows, offsets = log.by_user(n_users)
    asked = np.flatnonzero(np.diff(offsets) >= 2)
    if not len(asked):
        raise InvalidInput("no user has two interactions, so none can be held out; use a larger data set")
    last = rows[offsets[asked + 1] - 1]
    kept = np.ones(len(log), dtype=bool)
    kept[last] = False
    train = log.take(kept)
    return HeldOut(catalog, train, _requests(train, asked, log.time[last]), log.item_id[last], np.arange(len(asked)))


def temporal(log: Interactions, catalog: Catalog, key: int = 0) -> HeldOut:
    """Cut the whole log at one moment: the last fifth of all interactions are targets of users known before it.

    Nothing that is learned from is later than anything asked for.
    """
    ordered = permuted(log, key)
    cut = len(log) - int(SHARE * len(log))
    return parted(ordered.take(np.arange(cut)), ordered.take(np.arange(cut, len(log))), catalog)


def last_fifth(log: Interactions, catalog: Catalog, key: int = 0) -> HeldOut:
    """Hold out the last fifth of each user's interactions, at least one, of users with at least two."""
    ordered = permuted(log, key)
    rows, offsets = ordered.by_user(int(log.user_id.max(initial=-1)) + 1)
    count = np.diff(offsets)
    kept = np.where(count >= 2, count - np.maximum(1, (SHARE * count + 1e-9).astype(np.int64)), count)
    late = np.zeros(len(log), dtype=np.bool_)
    late[rows] = np.arange(len(log)) - np.repeat(offsets[:-1], count) >= np.repeat(kept, count)
    return parted(ordered.take(~late), ordered.take(late), catalog)


Protocol = Callable[[Interactions, Catalog, int], HeldOut]

PROTOCOLS: Mapping[str, Protocol] = {
    "leave_one_out": lambda log, catalog, _key: leave_one_out(log, catalog),
    "temporal": temporal,
    "last_fifth": last_fifth,
}
"""Name -> how a log is parted under one key of ties, which leave-one-out leaves in the order of the file."""


def permuted(log: Interactions, key: int) -> Interactions:
    """Return the log with interactions of equal time in an order drawn by the key."""
    return log.take(np.lexsort((Streams(key).words("tie", np.arange(len(log))), log.time)))


def parted(train: Interactions, later: Interactions, catalog: Catalog) -> HeldOut:
    """Ask each user with a past for what it takes later for the first time; raise InvalidInput where there is none."""
    known, coming = (part.user_id * len(catalog) + part.item_id for part in (train, later))
    first = np.sort(np.unique(coming, return_index=True)[1])
    new = first[~np.isin(coming[first], known) & np.isin(later.user_id[first], train.user_id)]
    if not len(new):
        raise InvalidInput("no user known before takes anything later, so nothing can be held out; use more data")
    targets = later.take(new[np.argsort(later.user_id[new], kind="stable")])
    asked, begins, owner = np.unique(targets.user_id, return_index=True, return_inverse=True)
    return HeldOut(catalog, train, _requests(train, asked, targets.time[begins]), targets.item_id, owner)


def _requests(train: Interactions, users: Ints, now: Floats) -> Requests:
    """Return one request per user: history and exclusions are all of the user's training items."""
    rows, offsets = train.by_user(int(users.max()) + 1)
    told = np.concatenate([rows[offsets[u] : offsets[u + 1]] for u in users])
    starts = np.concatenate([[0], np.cumsum(np.diff(offsets)[users])])
    seeds = Streams(0).words("held-out request", users)
    return Requests(users, now, train.item_id[told], train.time[told], starts, train.item_id[told], starts, seeds)
