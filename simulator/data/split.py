"""Divide real interactions, so that nothing is learned from what it is judged by."""

from dataclasses import dataclass

import numpy as np

from simulator.catalog import Interactions
from simulator.data.base import Dataset
from simulator.seeds import Streams


@dataclass(frozen=True)
class Split:
    """Three disjoint parts that together are the data set, each in its order of time."""

    held_out: Interactions
    """The end of every user's history, seen by nobody before evaluation."""
    users: Interactions
    """What personas and behaviors are fitted on."""
    platform: Interactions
    """What recommenders are fitted on."""


def split(dataset: Dataset, held_out: float, users_share: float, streams: Streams) -> Split:
    """Divide a data set's interactions.

    Of a user's n interactions the last floor(held_out x n), by stable order of time, are held out. Of the others a
    pair (user, item) goes to ``users`` with probability ``users_share``, keyed by the pair: where it goes depends on
    no other user, and repeats of a pair stay together.
    """
    events = dataset.interactions
    rows, offsets = events.by_user(len(dataset.users))
    counts = np.diff(offsets)
    from_end = np.repeat(offsets[1:], counts) - np.arange(len(rows))
    last = np.zeros(len(rows), dtype=np.bool_)
    last[rows] = from_end <= np.repeat(np.floor(held_out * counts + 1e-9), counts)
    for_users = ~last & (streams.uniform("split", events.user_id, events.item_id) < users_share)
    return Split(events.take(last), events.take(for_users), events.take(~last & ~for_users))
