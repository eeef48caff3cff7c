"""Whether anything held out can be read where a user's knowledge is written down."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from agents.schema import Ints, Item, Setting
from analysis.fidelity.fold import Fold

MARK = "Qzmarker"


def marked(items: tuple[Item, ...], held: Ints) -> tuple[Item, ...]:
    """Return the catalog with an unmistakable title on every held-out item: letters no real title has, and its id."""
    return tuple(replace(item, title=f"{MARK}{item.item_id}x") if item.item_id in held else item for item in items)


def without(text: str, items: Iterable[int]) -> str:
    """Return a text with the markers of some items, those on offer, taken out.

    >>> without("Qzmarker3x and Qzmarker4x", [3])
    ' and Qzmarker4x'
    """
    for item in items:
        text = text.replace(f"{MARK}{item}x", "")
    return text


def leaks(world: Setting, fold: Fold, texts: Iterable[tuple[int, str]] = ()) -> int:
    """Return how many held-out items of a user stand in its persona, its history, or a text of its own.

    ``world`` is the setting of a catalog whose titles are all markers; ``texts`` are pairs of a user (as a
    row of the setting) and what was told on its behalf, the items on offer left out.
    """
    place = np.searchsorted(fold.tested, fold.held.user_id)
    own = [set(fold.held.item_id[place == user].tolist()) for user in range(len(fold.tested))]
    found = 0
    for user, persona in enumerate(world.personas):
        found += len(own[user] & (set(persona.favorites) | set(persona.history)))
        found += _named(own[user], persona.narrative)
    return found + sum(_named(own[user], text) for user, text in texts)


def _named(items: set[int], text: str) -> int:
    return sum(f"{MARK}{item}x" in text for item in items) if MARK in text else 0
