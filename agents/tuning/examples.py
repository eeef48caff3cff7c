"""Real choices as questions: what a person had taken before, and what it took next beside what it did not."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from agents.asking import likelihood
from agents.llm.base import Prompt
from agents.persona import Personas
from agents.personas.from_history import FromHistory
from agents.schema import Draws, Floats, History, Ints, Item
from agents.traits import rows_of

EARLIEST, LATEST = 0.3, 0.9
"""Where a history is cut into what the persona is made of and what it is asked about."""
REJECTED = 3
"""Titles not taken beside each one taken."""


@dataclass(frozen=True)
class Material:
    """What a model may be tuned on: training interactions alone, sorted by (user_id, time)."""

    items: tuple[Item, ...]
    history: History
    popularity: Floats
    draws: Draws


def examples(material: Material, users: Ints, count: int) -> list[Prompt]:
    """Return ``count`` likelihood questions, the users in keyed turn; the first continuation is what was taken.

    For each round every history is cut anew, by keyed draw: the persona and its favorites come from
    what lies before the cut, the title taken from what lies behind it. Users who took nothing
    behind the cut are passed over.
    """
    found: list[Prompt] = []
    number = 0
    while len(found) < count and (number == 0 or found):
        found += _round(material, users, number)
        number += 1
    return found[:count]


def _round(material: Material, users: Ints, number: int) -> Iterator[Prompt]:
    order = np.argsort(material.draws.uniform("tune-order", users, number), kind="stable")
    before = _cut(material, number)
    people = personas(replace(material, history=before), users[order])
    for row, user in enumerate(users[order].tolist()):
        later = material.history.item_id[rows_of(material.history, user)][len(people.taken(row)) :]
        later = later[~np.isin(later, people.taken(row))]
        if len(later) and len(people.taken(row)):
            taken = int(later[int(float(material.draws.uniform("tune-taken", user, number)) * len(later))])
            slate = [material.items[item] for item in (taken, *_rejected(material, user, number))]
            yield next(likelihood.ask(people[row], "", slate, material.items, -1))


def personas(material: Material, users: Ints) -> Personas:
    """Return what these users are like, as far as the material shows."""
    names = tuple(map(str, range(int(max(users.max(), material.history.user_id.max())) + 1)))
    return FromHistory().make(users, names, material.history, material.items, material.popularity, material.draws)


def _cut(material: Material, number: int) -> History:
    """Return the part of every history that lies before this round's cut."""
    history = material.history
    user, start, size = np.unique(history.user_id, return_index=True, return_counts=True)
    share = EARLIEST + (LATEST - EARLIEST) * material.draws.uniform("tune-cut", user, number)
    early = np.arange(len(history.user_id)) - np.repeat(start, size) < np.repeat(np.floor(share * size), size)
    return History(*(getattr(history, name)[early] for name in ("user_id", "item_id", "rating", "time")))


def _rejected(material: Material, user: int, number: int) -> list[int]:
    """Return items the user never took in training, drawn in proportion to popularity."""
    item = np.arange(len(material.items))
    noise = -np.log(-np.log(material.draws.uniform("tune-rejected", user, number, item) + 2.0**-54))
    with np.errstate(divide="ignore"):
        key = np.log(material.popularity) + noise
    key[material.history.item_id[rows_of(material.history, user)]] = -np.inf
    best: list[int] = np.argsort(-key, kind="stable")[:REJECTED].tolist()
    return best
