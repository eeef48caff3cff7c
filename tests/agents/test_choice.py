"""The fitted models find what was planted."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from agents import choice, rating
from agents.behaviors.calibrated import Calibrated
from agents.features import describe
from agents.personas.sampled import Sampled
from agents.schema import Choices, History, Setting
from agents.slates import popular_slates, real_choices
from simulator.seeds import Streams
from tests.agents.worlds import GENRES, items, pages, setting


@cache
def calibrated(world_size: int = 30) -> tuple[Setting, Calibrated]:
    world = setting(world_size)
    behavior = Calibrated()
    behavior.prepare(world)
    return world, behavior


def test_popularity_then_counts_only_the_past() -> None:
    log = History(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.ones(4), np.array([1.0, 4.0, 2.0, 3.0]))
    then = choice.PopularityThen(log, 3)
    assert then(np.array([[0, 1, 2], [0, 1, 2]]), np.array([2.0, 5.0])).tolist() == [[1, 0, 0], [2, 2, 0]]
    timeless = choice.PopularityThen(replace(log, time=np.zeros(4)), 3)
    assert timeless(np.array([[0, 1, 2]]), np.array([0.0])).tolist() == [[1, 2, 0]]


def test_choice_sets_hold_what_was_taken_against_what_was_not() -> None:
    world = setting()
    then = choice.PopularityThen(world.history, 80)
    own = choice.choice_sets(world.history, 3, then, world.popularity, world.draws)
    taken = set(world.personas[3].history)
    met = own.item[own.place]
    assert set(met[:, 0].tolist()) == taken
    assert not taken & set(met[:, 1:].ravel().tolist())
    assert met.shape[1] == 100


def test_tastes_that_were_planted_are_found() -> None:
    world, behavior = calibrated()
    names = describe(world.items, world.popularity, world.mean_rating).names
    theta = behavior._learned.users.theta
    for user in range(30):
        effects = {genre: theta[user, names.index(f"genre {genre}")] for genre in GENRES}
        assert max(effects, key=lambda genre: effects[genre]) == GENRES[user % 5]
    assert behavior.assumptions()["mcfadden_r2_over_popularity_in_sample"] > 0.05  # type: ignore[operator]


def test_user_effects_are_shrunk_where_there_is_little_history() -> None:
    world = setting()
    matrix = describe(world.items, world.popularity, world.mean_rating).matrix
    then = choice.PopularityThen(world.history, 80)
    before, after = (
        [choice.choice_sets(world.history, user, then, world.popularity, world.draws, part) for user in range(40)]
        for part in ((0.0, choice.BEFORE), (choice.BEFORE, 1.0))
    )
    model = choice.fit(before, after, np.ones(40), matrix)
    sets = before
    whole = choice.user_effect(model, sets[0], matrix)
    part = replace(sets[0], place=sets[0].place[:2], popularity=sets[0].popularity[:2], offset=sets[0].offset[:2])
    none = replace(sets[0], place=sets[0].place[:0], popularity=sets[0].popularity[:0], offset=sets[0].offset[:0])
    assert np.linalg.norm(choice.user_effect(model, part, matrix)) < np.linalg.norm(whole)
    np.testing.assert_allclose(choice.user_effect(model, none, matrix), 0, atol=1e-9)


@pytest.mark.parametrize("rho", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("base_rate", [0.05, 0.3])
def test_the_declared_base_rate_holds_on_fresh_slates(rho: float, base_rate: float) -> None:
    world = setting(choices=Choices(rho=rho, base_rate=base_rate, examination=1.0))
    behavior = Calibrated(30)
    behavior.prepare(world)
    fresh = popular_slates(replace(world, draws=Streams(1234)), 3000)
    rate = behavior.probability(fresh, np.zeros(fresh.item_id.shape), behavior._base).mean()
    assert abs(rate / base_rate - 1) < 0.05
    watched = (behavior.respond(fresh).action == 1).mean()
    assert abs(watched / base_rate - 1) < 0.25


def test_rho_takes_popularity_out_of_watching() -> None:
    slopes = []
    for rho in (0.0, 1.0):
        world = setting(choices=Choices(rho=rho))
        behavior = Calibrated(30)
        behavior.prepare(world)
        shown = pages(world, 2000)
        probability = behavior.probability(shown, np.zeros(shown.item_id.shape), behavior._base)
        slopes.append(np.corrcoef(np.log1p(shown.popularity).ravel(), probability.ravel())[0, 1])
    assert slopes[0] > slopes[1] + 0.2


def test_ratings_come_out_as_often_as_in_the_data() -> None:
    world, behavior = calibrated()
    taken = np.concatenate([persona.history for persona in world.personas])
    user = np.repeat(np.arange(30), [len(persona.history) for persona in world.personas])
    shown = replace(
        pages(world, len(user), width=1), user_id=user, item_id=taken[:, None], popularity=np.ones((len(user), 1))
    )
    given = behavior.ratings(shown).ravel()
    real = world.history.rating[world.history.user_id < 30]
    grid = np.arange(1, 6)
    gap = np.abs([(given <= g).mean() - (real <= g).mean() for g in grid]).max()
    assert gap < 0.06
    own = np.array(
        [np.mean(given[user == u]) - np.mean(real[world.history.user_id[: len(real)] == u]) for u in range(30)]
    )
    assert np.sqrt(np.mean(own**2)) < 0.35


def test_rating_levels_follow_opinion_and_draw() -> None:
    model = rating.RatingModel(np.zeros(1), np.eye(1), 1.0, np.array([1.5, 2.5, 3.5, 4.5]), 1)
    draw = np.linspace(0, 0.999, 50)
    assert np.all(np.diff(model.level(np.full(50, 3.0), np.ones(50), draw)) >= 0)
    means = [model.level(np.full(50, m), np.ones(50), draw).mean() for m in (1.0, 3.0, 5.0)]
    assert means == sorted(means)


@pytest.mark.parametrize("trait", ["activity", "conformity", "diversity"])
def test_traits_move_behavior_the_way_their_names_say(trait: str) -> None:
    base = setting(20)
    shown = popular_slates(base, 4000)
    _, genres = _genres(base)
    measured = []
    for shift in (-1, 0, 1):
        step = {"activity": 0.5, "conformity": 0.15, "diversity": 0.6}[trait]
        traits = base.personas.traits
        moved = replace(base.personas, traits=replace(traits, **{trait: getattr(traits, trait) + shift * step}))
        behavior = Calibrated()
        behavior.prepare(replace(base, personas=moved))
        probability = behavior.probability(shown, np.zeros(shown.item_id.shape), behavior._base)
        stays = (behavior.respond(shown).exit_reason == 0).mean()
        per_user = [_spread(probability, shown.item_id, shown.user_id == user, genres) for user in range(20)]
        own = [genres[list(p.history)].sum(axis=0) for p in base.personas]
        away = np.mean([np.abs(s - o / o.sum()).sum() for s, o in zip(per_user, own, strict=True)])
        variety = np.mean([-(s * np.log2(s)).sum() for s in per_user])
        measured.append({"activity": stays, "conformity": away, "diversity": variety}[trait])
    assert measured == sorted(measured)
    assert measured[2] > measured[0] * 1.005


def _genres(world: Setting) -> tuple[tuple[str, ...], np.ndarray]:
    from agents.traits import genre_matrix

    names, member = genre_matrix(world.items)
    return names, member / member.sum(axis=1, keepdims=True)


def _spread(probability: np.ndarray, item: np.ndarray, mine: np.ndarray, genres: np.ndarray) -> np.ndarray:
    mass = (genres[item[mine]] * probability[mine][..., None]).sum(axis=(0, 1))
    return np.asarray(mass / mass.sum())


def test_invented_users_choose_by_their_tastes() -> None:
    real = setting(30)
    names = tuple(str(user) for user in range(60))
    invented = Sampled().make(np.full(30, -1), names, real.history, real.items, real.popularity, real.draws)
    world = replace(real, personas=invented, source_user=np.full(30, -1))
    behavior = Calibrated()
    behavior.prepare(world)
    _, share = _genres(real)
    tastes = invented.traits.tastes @ share.T
    every = np.broadcast_to(np.arange(80), (30, 80))
    zeros = np.zeros((30, 80))
    shown = replace(
        pages(world, 30), user_id=np.arange(30), item_id=every, popularity=zeros, exposures=zeros.astype(np.int64)
    )
    assert np.corrcoef(tastes.ravel(), behavior.utility(shown).ravel())[0, 1] > 0.5


def test_invented_users_are_placed_alike_among_real_ones_and_alone() -> None:
    real = setting(30)
    names = tuple(str(user) for user in range(60))
    invented = Sampled().make(np.full(30, -1), names, real.history, real.items, real.popularity, real.draws)
    alone = replace(real, personas=invented, source_user=np.full(30, -1))
    among = replace(alone, source_user=np.where(np.arange(30) == 7, 7, -1))
    shown = pages(real, 400)
    shown = replace(shown, user_id=np.where(shown.user_id == 7, 8, shown.user_id))
    apart, mixed = Calibrated(), Calibrated()
    apart.prepare(alone)
    mixed.prepare(among)
    np.testing.assert_allclose(apart.utility(shown), mixed.utility(shown), atol=1e-5)
    assert (apart.ratings(shown) == mixed.ratings(shown)).mean() > 0.999


def test_adding_users_changes_nobody_else() -> None:
    small, large = Calibrated(), Calibrated()
    small.prepare(setting(5))
    large.prepare(setting(25))
    np.testing.assert_array_equal(small._learned.users.theta, large._learned.users.theta[:5])
    np.testing.assert_array_equal(small._learned.users.sd, large._learned.users.sd[:5])


def test_real_choices_hide_what_the_persona_names() -> None:
    world = setting()
    found = real_choices(world, 40)
    for user, row in zip(found.user_id.tolist(), found.item_id.tolist(), strict=True):
        persona = world.personas[user]
        assert row[0] in persona.history
        assert row[0] not in persona.favorites
        assert not set(row[1:]) & set(persona.history)


def test_catalog_without_years_or_ratings_can_be_fitted() -> None:
    world = setting()
    bare = tuple(replace(item, year=None, genres=()) for item in items())
    unrated = replace(world.history, rating=np.full(len(world.history.rating), np.nan))
    behavior = Calibrated()
    behavior.prepare(
        replace(world, items=bare, history=unrated, mean_rating=np.full(80, np.nan), personas=world.personas)
    )
    result = behavior.respond(pages(world, 300))
    assert (result.action == 1).any()


def test_who_takes_much_chooses_less_sharply() -> None:
    world, behavior = calibrated()
    keen, activity = behavior._learned.users.keen, world.personas.traits.activity
    assert behavior._learned.choice.satiety >= 0
    np.testing.assert_allclose(keen, activity**-behavior._learned.choice.satiety)


def test_the_population_is_learned_from_whom_the_setting_names() -> None:
    world = setting(10)
    half = np.arange(30, 60)
    one, other = Calibrated(), Calibrated()
    one.prepare(replace(world, population=half))
    known = world.history.user_id < 30
    emptied = replace(world.history, item_id=np.where(known, world.history.item_id[::-1], world.history.item_id))
    other.prepare(replace(world, population=half, history=emptied))
    assert (
        one._learned.choice.events
        == other._learned.choice.events
        == sum(len(world.history.item_id[world.history.user_id == user]) // 5 for user in half)
    )


def test_ratings_are_corrected_for_selection_where_it_shows() -> None:
    """Items taken against expectation are liked better than the taste for them says: the weight finds it."""
    world = setting(20)
    corrected, plain = Calibrated(), Calibrated(selection=False)
    corrected.prepare(world)
    plain.prepare(world)
    assert corrected._learned.users.weights.shape[1] == plain._learned.users.weights.shape[1] + 1
    shown = pages(world, 300)
    expected = corrected.expected_ratings(shown)
    assert ((expected >= 1) & (expected <= 5)).all()
    assert abs(corrected.ratings(shown).mean() - expected.mean()) < 0.1
