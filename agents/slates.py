"""Slates that no recommender made: what a world without one would show."""

import numpy as np

from agents.mood import CONTENT, RESTED
from agents.schema import PAD, Pages, Setting


def popular_slates(setting: Setting, count: int) -> Pages:
    """Return ``count`` slates for the users in turn, items drawn in proportion to popularity at t0.

    Without replacement and without what the user has taken (Gumbel top-k), keyed by slate; items
    nobody has taken never appear, and short slates are padded.
    """
    with np.errstate(divide="ignore"):
        weight = np.log(setting.popularity)
    number = np.arange(len(weight))
    item_id = np.full((count, setting.slate_size), PAD, dtype=np.int64)
    for slate in range(count):
        noise = -np.log(-np.log(setting.draws.uniform("popular-slate", slate, number) + 2.0**-54))
        key = weight + noise
        key[list(setting.personas[slate % len(setting.personas)].history)] = -np.inf
        best = np.argsort(-key, kind="stable")[: setting.slate_size]
        item_id[slate, : len(best)] = np.where(key[best] > -np.inf, best, PAD)
    return Pages(
        user_id=np.arange(count) % len(setting.personas),
        now=np.zeros(count),
        page=np.ones(count, dtype=np.int64),
        decision=np.arange(count),
        item_id=item_id,
        popularity=np.where(item_id == PAD, 0.0, setting.popularity[item_id]),
        exposures=np.zeros_like(item_id),
        fatigue=np.full(count, RESTED),
        satisfaction=np.full(count, CONTENT),
    )
