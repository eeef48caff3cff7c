"""One seed from beginning to end: the three columns of figures, and the probes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agents.behaviors.calibrated import Calibrated
from agents.errors import InvalidInput
from agents.schema import Ints, Setting
from agents.slates import popular_slates
from analysis.fidelity import battery, leakage, monotone, tournament
from analysis.fidelity.battery import Figures, Say, Scene
from analysis.fidelity.fold import Fold, only
from analysis.fidelity.play import setting

RHOS = (0.0, 0.5, 1.0)
STEPS = 7
"""Things said while one seed is judged."""
SMALL = {"fit_users": 60}
"""Where many kinds of users are made only to be compared with each other, fewer real ones are learned from."""

Prepare = Callable[..., Any]
"""Build the behavior, with parameters overridden, and prepare it in a setting."""
Recommend = Callable[[Fold, Fold], Mapping[str, Ints]]
"""Fit recommenders on the second fold's ``known`` and return each one's slates for the judged users of the first."""


@dataclass(frozen=True)
class Seed:
    """What one seed found: figures by column, and probes of the simulated users."""

    simulated: Figures
    null: Figures
    ceiling: Figures
    probes: Figures


def fitted(scene: Scene, prepare: Prepare, recommend: Recommend | None, say: Say) -> Seed:
    """Judge users who need no language model."""
    say("fitting")
    player = prepare(scene.world)
    if not isinstance(player, Calibrated):
        raise InvalidInput("this behavior puts no utilities on items; fidelity judges calibrated, latent and llm")
    say("choices, ratings and shape")
    found = battery.simulated(scene, player, scene.everyone) | battery.baselines(scene)
    say("null and ceiling")
    null, ceiling = battery.null(scene), battery.ceiling(scene, prepare)
    say("ratings uncorrected for selection")
    plain = battery.of_ratings(scene, prepare(scene.world, selection=False), scene.everyone)
    found |= {f"{name}_uncorrected": plain[name] for name in ("rating_ks", "rating_rmse") if name in plain}
    say("traits")
    levels = monotone.traits(scene.world, lambda world: prepare(world, **SMALL), scene.genres)
    found["monotone"] = float(sum(map(monotone.holds, levels.values())))
    if recommend is not None:
        say("recommenders")
        found |= taus(scene, prepare, recommend)
    probes = {f"monotone_{trait}": float(monotone.holds(values)) for trait, values in levels.items()}
    say("probes")
    return Seed(with_gains(found, null), with_gains(null | same(found), null), with_gains(ceiling | same(found), null),
                probes | probed(scene, player))  # fmt: skip


def same(found: Figures) -> Figures:
    """Return what is the same in every column: the plainest predictors."""
    return {name: found[name] for name in found if name.startswith("rating_rmse_user") or name.endswith("_popularity")}


def with_gains(found: Figures, null: Figures) -> Figures:
    """Return the figures, and by how much ratings are better foretold than by user means and than by the null."""
    if "rating_rmse" not in found:
        return found
    return found | {
        "rating_gain": 1.0 - found["rating_rmse"] / found["rating_rmse_user_mean"],
        "rating_ks_user_gain": null["rating_ks_user"] - found["rating_ks_user"],
    }


def taus(scene: Scene, prepare: Prepare, recommend: Recommend) -> Figures:
    """Return Kendall's tau for each share of popularity that is exposure; users and recommenders learn from disjoint
    halves of what is known."""
    known = scene.fold.known
    for_users = scene.draws.uniform("fidelity side", known.user_id, known.item_id) < 0.5
    mine, theirs = (replace(scene.fold, known=only(known, part)) for part in (for_users, ~for_users))
    if not np.isin(scene.fold.tested, mine.known.user_id).all():
        return {}
    slates = recommend(scene.fold, theirs)
    real = {name: tournament.real_ndcg(shown, scene.fold) for name, shown in slates.items()}
    found: Figures = {}
    for rho in RHOS:
        world = setting(scene.real, mine, scene.draws, replace(scene.world.choices, rho=rho))
        player = prepare(world, **SMALL)
        told = {
            name: tournament.simulated_utility(shown, player, mine, len(scene.real.items), 0.85)
            for name, shown in slates.items()
        }
        found["kendall_tau" if rho == scene.world.choices.rho else f"kendall_tau_rho{rho:g}"] = tournament.tau(
            told, real
        )
    return found


def probed(scene: Scene, player: Calibrated) -> Figures:
    """Return what happens on random slates, on slates turned round, to users of whom nothing is known, and leaks."""
    world = scene.world
    random = replace(world, popularity=np.ones_like(world.popularity))
    shown = popular_slates(random, battery.FRESH)
    there = shown.item_id >= 0
    now = np.where(there, world.popularity[shown.item_id], 0.0)
    shown = replace(shown, popularity=now)
    turned = replace(shown, item_id=shown.item_id[:, ::-1], popularity=now[:, ::-1])
    q = scene.questions
    matched = np.r_[0, np.arange(q.item.shape[1])[q.matched]]
    nobody = player.population(q.pages(matched))
    return {
        "random_slate_watch_rate": float(player.chance(shown)[there].mean()),
        "permuted_slate_change": float(np.abs(player.chance(turned)[:, ::-1] - player.chance(shown))[there].max()),
        "empty_persona_auc_matched": battery.matched_auc(nobody, q),
        "leaked": float(leaked(scene, world)),
    }


def leaked(scene: Scene, world: Setting) -> int:
    """Return how many held-out items can be read in personas when their titles are unmistakable."""
    marked = leakage.marked(scene.real.items, np.unique(scene.fold.held.item_id))
    planted = setting(replace(scene.real, items=marked), scene.fold, scene.draws, world.choices)
    return leakage.leaks(planted, scene.fold)
