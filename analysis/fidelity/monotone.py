"""Whether traits do what their names say, at three levels each."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from agents.behaviors.base import Behavior
from agents.schema import ExitReason, Floats, Pages, Setting
from agents.slates import popular_slates
from analysis.fidelity.play import Player

LEVELS = (-1.0, 0.0, 1.0)
"""Levels of a trait in standard deviations of the judged users from their own."""
USERS = 60
SLATES = 1800
LEAST = 1e-3
"""Relative change from the lowest level to the highest that counts as one."""


def traits(world: Setting, make: Callable[[Setting], Player], genres: Floats) -> dict[str, list[float]]:
    """Return, per trait, what it should raise at its three levels.

    Activity raises the pages looked at in a visit; conformity the distance between what is watched and
    the user's own history (total variation of genre shares); diversity the entropy of genres watched.
    """
    some = _some(world, USERS)
    shown = popular_slates(some, SLATES)
    found: dict[str, list[float]] = {"activity": [], "conformity": [], "diversity": []}
    for trait, levels in found.items():
        for level in LEVELS:
            player = make(_moved(some, trait, level))
            measure = {"activity": _pages, "conformity": _distance, "diversity": _entropy}[trait]
            levels.append(measure(player, some, shown, genres))
    return found


def holds(levels: list[float]) -> bool:
    """Tell whether a figure rises from level to level.

    >>> holds([1.0, 1.1, 1.3]), holds([1.0, 1.2, 1.1]), holds([1.0, 1.0, 1.0])
    (True, False, False)
    """
    rising = all(one <= other for one, other in pairwise(levels))
    return rising and levels[-1] - levels[0] > LEAST * abs(levels[0])


def _some(world: Setting, count: int) -> Setting:
    """Return the setting with the first users only."""
    personas = replace(
        world.personas,
        traits=world.personas.traits.take(np.arange(min(count, len(world.source_user)))),
        source_user=world.source_user[:count],
    )
    return replace(world, personas=personas, source_user=world.source_user[:count])


def _moved(world: Setting, trait: str, level: float) -> Setting:
    """Return the setting with everybody's trait moved by ``level`` standard deviations."""
    own = world.personas.traits
    values = getattr(own, trait)
    values = (
        values * np.exp(level * np.log(values).std())
        if trait == "activity"
        else np.maximum(values + level * values.std(), 0.0)
    )
    return replace(world, personas=replace(world.personas, traits=replace(own, **{trait: values})))


def _pages(player: Player, world: Setting, shown: Pages, genres: Floats) -> float:
    """Return the mean number of pages of visits, from the chance of leaving after each."""
    assert isinstance(player, Behavior)
    stays = (player.respond(shown).exit_reason == ExitReason.STAYED).mean()
    return float(1.0 / max(1.0 - stays, 1e-9))


def _mass(player: Player, world: Setting, shown: Pages, genres: Floats) -> Floats:
    """Return (users, genres) shares of what is watched on the slates, by expectation."""
    chance = np.where(shown.item_id >= 0, player.chance(shown), 0.0)
    mass = np.zeros((len(world.source_user), genres.shape[1]))
    np.add.at(mass, shown.user_id, np.einsum("bk,bkg->bg", chance, genres[shown.item_id]))
    return np.asarray(mass / np.maximum(mass.sum(axis=1, keepdims=True), 1e-12))


def _distance(player: Player, world: Setting, shown: Pages, genres: Floats) -> float:
    own = np.stack([genres[world.personas.taken(user)].mean(axis=0) for user in range(len(world.source_user))])
    own = own / np.maximum(own.sum(axis=1, keepdims=True), 1e-12)
    return float(np.abs(_mass(player, world, shown, genres) - own).sum(axis=1).mean() / 2)


def _entropy(player: Player, world: Setting, shown: Pages, genres: Floats) -> float:
    share = _mass(player, world, shown, genres)
    return float(-(share * np.log2(np.where(share > 0, share, 1.0))).sum(axis=1).mean())
