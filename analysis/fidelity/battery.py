"""The figures of one seed: the same battery for simulated users, for the null and for the ceiling."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from agents import choice
from agents.schema import Bools, Choices, Draws, Floats, Ints, Setting
from agents.slates import popular_slates
from agents.traits import genre_matrix
from analysis.fidelity import choices, ratings, shape
from analysis.fidelity.fold import Fold, divide, halves, liked, only, together
from analysis.fidelity.play import Marginals, Player, Real, setting
from analysis.fidelity.questions import Questions, ask

Figures = dict[str, float]
Make = Callable[[Setting], Player]
"""Prepare users of one kind in a setting."""
Say = Callable[[str], None]

GROUP = 9
"""Others beside the one positive of a 1:m group."""
FRESH = 3000
"""New popularity-proportional slates on which the base rate is checked."""


@dataclass(frozen=True)
class Scene:
    """What one seed is judged on: the division, the setting, the questions, and the popularity-only model."""

    real: Real
    fold: Fold
    world: Setting
    questions: Questions
    beta: float
    """Of the popularity-only choice model, fitted to the population's later choices."""
    draws: Draws
    genres: Floats

    @classmethod
    def of(cls, real: Real, draws: Draws, users: int | None) -> "Scene":
        """Divide the data of one seed and ask the questions its held-out part answers."""
        fold = divide(real.log, draws, users)
        world = setting(real, fold, draws, Choices(examination=1.0))
        member = genre_matrix(real.items)[1]
        genres = member / np.maximum(member.sum(axis=1, keepdims=True), 1.0)
        return cls(real, fold, world, ask(fold, world.popularity, draws), _beta(world, fold), draws, genres)

    @property
    def first(self) -> Bools:
        """Tell which questions are in the first random half of each user's."""
        return halves(self.fold.held, self.draws)

    @property
    def everyone(self) -> Bools:
        """Tell all questions."""
        return np.ones(len(self.questions), dtype=np.bool_)


def _beta(world: Setting, fold: Fold) -> float:
    """Return beta of the popularity-only model, from the last fifth of what the population took."""
    then = choice.PopularityThen(world.history, len(world.items))
    some = fold.fitted[np.argsort(world.draws.uniform("fidelity beta", fold.fitted), kind="stable")][:250]
    part = (choice.BEFORE, 1.0)
    sets = [choice.choice_sets(world.history, int(u), then, world.popularity, world.draws, part) for u in some]
    return choice.popularity_only(sets)


def simulated(scene: Scene, player: Player, rows: Bools) -> Figures:
    """Return the figures of users who must foretell the questions of ``rows``."""
    return {
        **of_ratings(scene, player, rows),
        **of_choices(scene, player, rows),
        **shape.figures(*shape.taken_alone(player, scene.fold, rows, len(scene.real.items), scene.draws), scene.genres),
        **base_rate(scene, player),
    }


def of_ratings(scene: Scene, player: Player, rows: Bools) -> Figures:
    """Return the figures of ratings, none where nothing was rated."""
    pairs, held = scene.questions.pages(slice(0, 1)), scene.questions
    given, expected = player.ratings(pairs)[:, 0], player.expected_ratings(pairs)[:, 0]
    rated = rows & np.isfinite(held.rating)
    if not rated.any():
        return {}
    user, real = held.user[rated], held.rating[rated]
    levels = ratings.levels_of(scene.real.scale)
    return ratings.distribution(given[rated], user, real, user, levels) | ratings.errors(expected[rated], real, user)


def of_choices(scene: Scene, player: Player, rows: Bools) -> Figures:
    """Return the figures of choice."""
    q = scene.questions
    utility, chance = player.utility(q.pages(slice(None))), player.chance(q.pages(slice(None)))
    own = np.arange(q.item.shape[1])
    matched, uniform = np.r_[0, own[q.matched]], np.r_[0, own[q.uniform]]
    group = uniform[: 1 + GROUP]
    good = rows & liked(q.rating, scene.real.scale)
    found: Figures = {}
    for name, some in (("", good), ("_all", rows)):
        found[f"auc_uniform{name}"] = _macro(choices.above, utility, q, uniform, some)
        found[f"auc_matched{name}"] = _macro(choices.above_matched, utility, q, matched, some)
    drawn = np.r_[0, own[q.weighted]]
    offset = -np.column_stack([q.first_weight, q.log_weight])[rows]
    mine = utility[rows][:, drawn]
    alone = scene.beta * np.log1p(q.popularity[rows][:, drawn])
    likely = choices.log_likelihood(mine, offset)
    return found | {
        "mcfadden_r2": choices.mcfadden_r2(likely, choices.log_likelihood(alone, offset)),
        "log_likelihood": float(likely.mean()),
        "calibration_slope": choices.slope(mine, offset),
        "hit_1_9": choices.macro(choices.first(utility[rows][:, group]), q.user[rows]),
        "ap_1_9": choices.macro(choices.average_precision(utility[rows][:, group]), q.user[rows]),
        "watch_lift": choices.lift(chance[:, uniform], q.item[:, uniform], good),
    }


def _macro(
    measure: Callable[[Floats, Ints], Floats], utility: Floats, q: Questions, columns: Ints, rows: Bools
) -> float:
    return choices.macro(measure(utility[rows][:, columns], q.item[rows][:, columns]), q.user[rows])


def matched_auc(utility: Floats, q: Questions) -> float:
    """Return the macro AUC against matched items of utilities (rows, 1 + matched)."""
    return above_matched_macro(utility, q.item[:, np.r_[0, np.arange(q.item.shape[1])[q.matched]]], q.user)


def above_matched_macro(utility: Floats, item: Ints, user: Ints) -> float:
    """Return the mean over users of their matched AUC."""
    return choices.macro(choices.above_matched(utility, item), user)


def base_rate(scene: Scene, player: Player) -> Figures:
    """Return the rate of watching over the declared one, on fresh slates in proportion to popularity at time 0."""
    fresh = popular_slates(replace(scene.world, draws=Shifted(scene.draws)), FRESH)
    there = fresh.item_id >= 0
    return {"base_rate": float(player.chance(fresh)[there].mean() / scene.world.choices.base_rate)}


@dataclass(frozen=True)
class Shifted:
    """The same streams under other purposes: fresh numbers."""

    draws: Draws

    def uniform(self, purpose: str, *keys: object) -> Floats:
        """Return uniforms of the purpose's fresh namesake."""
        return self.draws.uniform(f"fresh {purpose}", *keys)  # type: ignore[arg-type]

    def normal(self, purpose: str, *keys: object) -> Floats:
        """Return normals of the purpose's fresh namesake."""
        return self.draws.normal(f"fresh {purpose}", *keys)  # type: ignore[arg-type]


def null(scene: Scene) -> Figures:
    """Return the figures of independent marginals."""
    return simulated(scene, Marginals.of(scene.world, scene.fold, scene.beta), scene.everyone)


def ceiling(scene: Scene, make: Make) -> Figures:
    """Return what is reached between random halves of what real users took.

    Distributions and shapes compare one half with the other; what is foretold is the second half, by
    users of the same kind who know the first half too.
    """
    first, held = scene.first, scene.fold.held
    more = together(scene.fold.known, only(held, first))
    knowing = setting(scene.real, scene.fold, scene.draws, scene.world.choices, more)
    player = make(replace(knowing, popularity=scene.world.popularity, mean_rating=scene.world.mean_rating))
    told = simulated(scene, player, ~first)
    q, rated = scene.questions, np.isfinite(scene.questions.rating)
    one, other = first & rated, ~first & rated
    levels = ratings.levels_of(scene.real.scale)
    if one.any() and other.any():
        told |= ratings.distribution(q.rating[one], q.user[one], q.rating[other], q.user[other], levels)
    return told | shape.figures(_matrix(scene, first), _matrix(scene, ~first), scene.genres)


def _matrix(scene: Scene, rows: Bools) -> Bools:
    taken = np.zeros((len(scene.fold.tested), len(scene.real.items)), dtype=np.bool_)
    taken[scene.questions.user[rows], scene.questions.item[rows, 0]] = True
    return taken


def baselines(scene: Scene) -> Figures:
    """Return what the plainest predictors reach on the same questions: user means, user + item biases, popularity."""
    q, known = scene.questions, scene.fold.known
    rated = np.isfinite(q.rating)
    biases = ratings.Biases.of(known, 1 + int(max(known.user_id.max(), scene.fold.tested.max())), len(scene.real.items))
    user, item = scene.fold.tested[q.user[rated]], q.item[rated, 0]
    return {
        "rating_rmse_user_mean": ratings.rmse(biases.user_mean[user], q.rating[rated]),
        "rating_rmse_user_item": ratings.rmse(biases.both(user, item), q.rating[rated]),
        "auc_matched_popularity": _macro(
            choices.above_matched, q.popularity, q, np.r_[0, np.arange(q.item.shape[1])[q.matched]], scene.everyone
        ),
    }
