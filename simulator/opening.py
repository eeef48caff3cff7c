"""What was there when time began: who plays, what is on offer, what the platform knew."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agents.ragged import Ragged
from agents.schema import Bools, Floats
from simulator.cast import Cast
from simulator.catalog import Interactions
from simulator.components import kind_of
from simulator.record import Columns, Record
from simulator.social import Social

PLATFORM = -1
"""Stands where rows carry a user id but the platform acted."""


def released(known: Interactions, unreleased: Bools) -> Interactions:
    """Return what is known of items that are there from the start."""
    return known.take(~unreleased[known.item_id]) if unreleased.any() else known


@dataclass(frozen=True)
class Opening:
    """What the platform and its users start from."""

    known: Interactions
    popularity: Floats
    """Public count per item."""


def note_opening(record: Record, cast: Cast, opening: Opening, social: Social | None) -> None:
    """Record who plays, what is on offer, and what was known at time 0."""
    _note(record, "users", 0, _users(cast))
    catalog = cast.catalog
    items = {
        "item_id": np.arange(len(catalog)),
        "name": _text(catalog.names),
        "title": _text([item.title for item in catalog.items]),
        "genres": _text(["|".join(item.genres) for item in catalog.items]),
        "year": np.array([item.year or -1 for item in catalog.items], dtype=np.int64),
        "initial_count": opening.popularity.astype(np.int64),
    }
    _note(record, "items", PLATFORM, items)
    columns = {name: getattr(opening.known, name) for name in ("user_id", "item_id", "rating", "time")}
    _note(record, "history", PLATFORM, columns)
    if social:
        _note(record, "ties", PLATFORM, social.ties())


def trails_of(known: Interactions, mine: range) -> Ragged:
    """Return what the platform knows of each of the simulated users ``mine``: what it took, oldest first."""
    trails = Ragged(len(mine), item=np.int32, time=np.float64)
    taken = known.take((known.user_id >= mine.start) & (known.user_id < mine.stop))
    rows, offsets = replace(taken, user_id=taken.user_id - mine.start).by_user(len(mine))
    users = np.flatnonzero(np.diff(offsets))
    trails.append(users, np.diff(offsets)[users], item=taken.item_id[rows], time=taken.time[rows])
    return trails


def _note(record: Record, table: str, who: int, columns: Columns) -> None:
    count = len(next(iter(columns.values())))
    record.add(table, np.zeros(count), np.full(count, who), np.arange(count), columns)


def _users(cast: Cast) -> Columns:
    """Return the columns of the ``users`` table; the narrative only of those to whom it is told."""
    personas = cast.setting.personas
    kinds = np.array([kind_of("behaviors", type(behavior)) for behavior in cast.behaviors], dtype=object)
    narratives = np.full(len(personas), "", dtype=object)
    for user in cast.talkers().tolist():
        narratives[user] = personas[user].narrative
    measured = ("activity", "conformity", "diversity", "mainstreaminess", "rating_mean", "rating_sd", "attention")
    return {
        "user_id": np.arange(len(personas)),
        "name": _text(personas.names()),
        "source": _text(personas.sources()),
        "behavior": kinds[cast.member],
        **{name: getattr(personas.traits, name) for name in measured},
        "narrative": narratives,
    }


def _text(words: Sequence[str]) -> Any:
    return np.array(words, dtype=object)
