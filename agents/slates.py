"""Slates that no recommender made: what a world without one would show."""

import numpy as np

from agents.mood import CONTENT, RESTED
from agents.schema import PAD, Ints, Pages, Setting


def popular_slates(setting: Setting, count: int) -> Pages:
    """Return ``count`` slates for the users in turn, items drawn in proportion to popularity at t0.

    Without replacement and without what the user has taken (Gumbel top-k), keyed by slate; items
    nobody has taken never appear, and short slates are padded.
    """
    users = np.arange(count, dtype=np.int64) % len(setting.personas)
    return _pages(setting, users, _popular(setting, users, setting.slate_size, "popular-slate"))


def real_choices(setting: Setting, count: int) -> Pages:
    """Return up to ``count`` slates with a training event in the first place and items not taken in the others.

    Events are keyed draws over the users that have a history, in turn; what a persona names among
    its favorites is left out, so that no prompt gives the answer away. The others are drawn in
    proportion to popularity.
    """
    real = np.flatnonzero(setting.source_user >= 0).tolist()
    chosen: list[tuple[int, int]] = []
    for row in range(count if real else 0):
        user = real[row % len(real)]
        named = setting.personas.favorites(user)
        usable = [item for item in setting.personas.taken(user).tolist() if item not in named]
        if usable:
            draw = float(setting.draws.uniform("real-choice", user, row))
            chosen.append((user, usable[int(draw * len(usable))]))
    users = np.array([user for user, _ in chosen], dtype=np.int64)
    taken = np.array([item for _, item in chosen], dtype=np.int64)
    others = _popular(setting, users, setting.slate_size - 1, "real-choice-other")
    return _pages(setting, users, np.concatenate([taken[:, None], others], axis=1))


def _popular(setting: Setting, users: Ints, size: int, purpose: str) -> Ints:
    """Return one slate per entry of ``users``."""
    with np.errstate(divide="ignore"):
        weight = np.log(setting.popularity)
    number = np.arange(len(weight))
    item_id = np.full((len(users), size), PAD, dtype=np.int64)
    for slate, user in enumerate(users.tolist()):
        noise = -np.log(-np.log(setting.draws.uniform(purpose, slate, number) + 2.0**-54))
        key = weight + noise
        key[setting.personas.taken(user)] = -np.inf
        best = np.argsort(-key, kind="stable")[:size]
        item_id[slate, : len(best)] = np.where(key[best] > -np.inf, best, PAD)
    return item_id


def _pages(setting: Setting, users: Ints, item_id: Ints) -> Pages:
    """Return slates as first pages of rested users at t0."""
    count = len(users)
    return Pages(
        user_id=users,
        now=np.zeros(count),
        page=np.ones(count, dtype=np.int64),
        decision=np.arange(count, dtype=np.int64),
        item_id=item_id,
        popularity=np.where(item_id == PAD, 0.0, setting.popularity[item_id]),
        exposures=np.zeros_like(item_id),
        fatigue=np.full(count, RESTED),
        satisfaction=np.full(count, CONTENT),
    )
