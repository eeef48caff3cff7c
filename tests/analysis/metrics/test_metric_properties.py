"""Properties every metric must have, on random worlds."""

from collections.abc import Callable
from dataclasses import fields, replace
from functools import cached_property

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.schema import Floats
from analysis.metrics.base import Metric
from analysis.metrics.beside_ideal import BesideIdeal
from analysis.metrics.concentration import (
    discounted_exposure,
    exposure_entropy,
    gini_index,
    hhi,
    lorenz_curve,
)
from analysis.metrics.coverage import catalog_coverage
from analysis.metrics.discover import metrics
from analysis.metrics.evidence import Evidence
from analysis.metrics.homogenization import MAX_PAIRS, mean_pairwise_jaccard, user_pairs
from analysis.metrics.lists import Lists
from analysis.metrics.outcomes import Outcomes
from analysis.metrics.ratings import Ratings
from analysis.metrics.space import Space
from analysis.metrics.strata import bands, head_tail, user_groups
from analysis.metrics.taste import js_divergence, log_popularity_difference, popularity_lift
from analysis.metrics.ties import Ties

N_ITEMS, N_USERS, K = 12, 9, 4
SAMPLED = {"topic_entropy_rarefied"}
"""Drawn from a fixed stream per row: exact only for the same order of rows."""
PAIRWISE = {"mean_pairwise_jaccard", "profile_mean_pairwise_jaccard", "inter_list_diversity"}
"""A copy makes a new pair that is equal."""
EXTENSIVE = {"aggregate_diversity", "calinski_harabasz", "cluster_ari", "bimodality_coefficient", "opinion_bimodality"}
"""Grow with the number of users, or are corrected for it."""
BY_USER_ID = {"random_walk_controversy"}
"""The id decides between equally tied users."""
Inputs = Evidence | Outcomes | BesideIdeal


def each(condition: Callable[[Metric], bool] = lambda _: True) -> pytest.MarkDecorator:
    """Run a test once for each metric that meets a condition."""
    return pytest.mark.parametrize("metric", list(filter(condition, metrics())), ids=lambda metric: metric.name)


def of_items(metric: Metric) -> bool:
    return not set(metric.inputs) <= set(Outcomes.__annotations__) | {"ideal_watched"}


counts_lists = st.lists(st.integers(0, 50), min_size=1, max_size=40).filter(any)


def world(seed: int) -> Evidence:
    """Return random but complete evidence with distinct popularities, so that no tie hangs on an id."""
    random = np.random.default_rng(seed)
    popularity = random.permutation(np.arange(1.0, N_ITEMS + 1)) * 3
    groups = random.permutation(np.arange(N_USERS) % 3)

    def lists(low: int, high: int) -> Lists:
        return random_lists(random, low, high)

    genres = (random.random((N_ITEMS, 4)) < 0.4).astype(np.float64)
    genres[np.arange(N_ITEMS), random.integers(0, 4, N_ITEMS)] = 1
    slates, profiles, places = lists(0, K), lists(0, 8), random.normal(size=(N_ITEMS, 3))
    placed = np.arange(N_ITEMS) != random.integers(N_ITEMS)
    places[~placed] = 0
    alone = Space(places, placed, np.empty((0, 3)))
    return counted(
        Evidence(
            slates=slates,
            n_catalog=N_ITEMS,
            profiles=profiles,
            test=lists(0, 3),
            popularity=popularity,
            population=40,
            genres=genres,
            head=head_tail(popularity),
            band=bands(popularity),
            groups=groups,
            k=K,
            declared_items=N_ITEMS,
            current_profiles=lists(1, 8),
            chosen=lists(0, 3),
            offered=lists(1, 8),
            showings=slates.lengths + random.integers(0, 3, N_USERS).astype(np.float64),
            presented=random.permutation(len(slates.item)).astype(np.float64),
            stratum=random.permutation(N_ITEMS) < 5,
            digit=random.integers(-1, 3, N_ITEMS),
            ratings=ratings(random),
            topic=random.permutation(N_ITEMS) < 8,
            ties=Ties.of(*random.integers(0, N_USERS, (2, 20)), N_USERS),
            space=Space(places, placed, alone.positions(lists(1, 8))),
        )
    )


def ratings(random: np.random.Generator) -> Ratings:
    user, item = random.integers(0, N_USERS, 30), random.integers(0, N_ITEMS, 30)
    return Ratings(user, item, random.integers(1, 6, 30).astype(np.float64), N_USERS, (1.0, 5.0))


def random_lists(random: np.random.Generator, low: int, high: int) -> Lists:
    taken = [random.permutation(N_ITEMS)[: random.integers(low, high + 1)] for _ in range(N_USERS)]
    owner = np.repeat(np.arange(N_USERS), [len(items) for items in taken])
    return Lists.of(owner, np.concatenate(taken).astype(np.int64), N_USERS)


def beside(seed: int) -> BesideIdeal:
    random = np.random.default_rng(seed)
    neighbor = (np.arange(N_USERS) + random.integers(1, N_USERS, N_USERS)) % N_USERS
    neighbor[0] = -1
    watched = random.integers(0, 5, (2, N_USERS)).astype(np.float64)
    return BesideIdeal(random_lists(random, 0, K), random_lists(random, 0, K), neighbor, *watched)


def counted(evidence: Evidence) -> Evidence:
    """Return the evidence with counts and exposures that agree with its lists."""
    slates = evidence.slates
    return replace(
        evidence,
        counts=np.bincount(slates.item, minlength=N_ITEMS).astype(np.float64),
        exposures=discounted_exposure(slates.item, slates.rank, N_ITEMS),
    )


def outcomes(seed: int) -> Outcomes:
    random = np.random.default_rng(seed)
    shown = random.integers(5, 20, N_USERS).astype(np.float64)
    watched = np.floor(shown * random.random(N_USERS))
    means = random.random((4, N_USERS)) + 1
    absent, between = random.random((2, N_USERS)) * 14
    return Outcomes(shown, watched, np.floor(watched * random.random(N_USERS)), *means, absent, between)


def inputs_of(metric: Metric, seed: int) -> Inputs:
    if set(metric.inputs) <= set(BesideIdeal.__annotations__) and not set(metric.inputs) <= {"slates", "watched"}:
        return beside(seed)
    return world(seed) if of_items(metric) else outcomes(seed)


def of_users(inputs: Inputs, users: np.ndarray) -> Inputs:
    """Return the inputs with users reordered or copied; copies are tied, or neighbors, within their own copy."""
    if isinstance(inputs, Outcomes):
        return inputs.of_users(users)
    copies = users.reshape(-1, N_USERS)
    place = [np.argsort(copy) + N_USERS * at for at, copy in enumerate(copies)]

    def rows(lists: Lists) -> np.ndarray:
        return np.concatenate([np.flatnonzero(lists.owner == user) for user in users])

    def pick(lists: Lists | None) -> Lists:
        assert lists is not None
        owner = np.repeat(np.arange(len(users)), lists.lengths[users])
        return Lists.of(owner, lists.item[rows(lists)], len(users))

    if isinstance(inputs, BesideIdeal):
        neighbor = inputs.neighbor[copies]
        moved = np.concatenate([np.where(n < 0, -1, p[n]) for n, p in zip(neighbor, place, strict=True)])
        lists = pick(inputs.slates), pick(inputs.ideal)
        return BesideIdeal(*lists, moved, inputs.watched[users], inputs.ideal_watched[users])
    assert inputs.groups is not None
    assert inputs.showings is not None
    assert inputs.presented is not None
    assert inputs.ties is not None
    ends = [np.concatenate([p[side] for p in place]) for side in (inputs.ties.first, inputs.ties.second)]
    names = ("slates", "profiles", "test", "current_profiles", "chosen", "offered")
    given = inputs.ratings
    assert given is not None
    told = [replace(given, user=p[given.user], n_users=len(users)) for p in place]
    return counted(
        replace(
            inputs,
            ratings=told[0].joined(told[1:]),
            **{name: pick(getattr(inputs, name)) for name in names},
            groups=inputs.groups[users],
            showings=inputs.showings[users],
            presented=inputs.presented[rows(inputs.slates)],
            ties=Ties.of(*ends, len(users)),
        )
    )


def relabeled(inputs: Evidence | BesideIdeal, label: np.ndarray) -> Evidence | BesideIdeal:
    """Return the inputs with item i called label[i]."""

    def renamed(lists: Lists | None) -> Lists:
        assert lists is not None
        return Lists(lists.owner, label[lists.item], lists.n)

    if isinstance(inputs, BesideIdeal):
        return replace(inputs, slates=renamed(inputs.slates), ideal=renamed(inputs.ideal))
    where = np.argsort(label)
    popularity, genres, space = inputs.popularity, inputs.genres, inputs.space
    assert popularity is not None
    assert genres is not None
    assert space is not None
    assert inputs.stratum is not None
    assert inputs.digit is not None
    assert inputs.topic is not None
    assert inputs.ratings is not None
    names = ("slates", "profiles", "test", "current_profiles", "chosen", "offered")
    return counted(
        replace(
            inputs,
            **{name: renamed(getattr(inputs, name)) for name in names},
            popularity=popularity[where],
            genres=genres[where],
            head=head_tail(popularity[where]),
            band=bands(popularity[where]),
            stratum=inputs.stratum[where],
            digit=inputs.digit[where],
            ratings=replace(inputs.ratings, item=label[inputs.ratings.item]),
            topic=inputs.topic[where],
            space=Space(space.places[where], space.placed[where], space.profiles),
        )
    )


def value(metric: Metric, inputs: object) -> float:
    measured = metric.measure(inputs)
    assert measured is not None
    return measured.value


def test_declarations_are_complete_and_unique() -> None:
    derived = {name for name, found in vars(Evidence).items() if isinstance(found, (property, cached_property))}
    known = {field.name for field in fields(Evidence)} | derived
    known |= set(Outcomes.__annotations__) | set(BesideIdeal.__annotations__)
    declared = metrics()
    assert len({metric.name for metric in declared}) == len(declared)
    assert len({metric.definition_id for metric in declared}) == len(declared)
    for metric in declared:
        assert set(metric.inputs) <= known, metric.name
        assert metric.source
        assert ">>>" in (metric.function.__doc__ or ""), metric.name


@each()
def test_stays_in_its_range(metric: Metric) -> None:
    low, high = metric.range
    for seed in range(20):
        measured = value(metric, inputs_of(metric, seed))
        assert np.isnan(measured) or low - 1e-12 <= measured <= high + 1e-12


@each(lambda metric: metric.name not in SAMPLED | BY_USER_ID)
def test_user_order_does_not_matter(metric: Metric) -> None:
    for seed in range(10):
        inputs = inputs_of(metric, seed)
        order = np.random.default_rng(seed).permutation(N_USERS)
        assert value(metric, of_users(inputs, order)) == pytest.approx(value(metric, inputs), nan_ok=True)


@each(of_items)
def test_item_names_do_not_matter(metric: Metric) -> None:
    for seed in range(10):
        inputs = inputs_of(metric, seed)
        if not isinstance(inputs, Outcomes):
            label = np.random.default_rng(seed).permutation(N_ITEMS)
            assert value(metric, relabeled(inputs, label)) == pytest.approx(value(metric, inputs), nan_ok=True)


@each(lambda metric: metric.name not in SAMPLED | PAIRWISE | EXTENSIVE | BY_USER_ID)
def test_copies_of_all_users_change_no_mean(metric: Metric) -> None:
    for seed in range(10):
        inputs = inputs_of(metric, seed)
        twice = of_users(inputs, np.tile(np.arange(N_USERS), 2))
        assert value(metric, twice) == pytest.approx(value(metric, inputs), nan_ok=True)


@each()
def test_nobody_gives_nan_never_zero(metric: Metric) -> None:
    nobody = Lists.of(np.empty(0, np.int64), np.empty(0, np.int64), N_USERS)
    blank = np.full(N_USERS, np.nan)
    empty: object = Outcomes(*([blank] * 9))
    if isinstance(inputs_of(metric, 0), BesideIdeal):
        empty = BesideIdeal(nobody, nobody, beside(0).neighbor, *np.zeros((2, N_USERS)))
    elif isinstance(inputs_of(metric, 0), Evidence):
        lists = dict.fromkeys(("slates", "profiles", "test", "current_profiles", "chosen", "offered"), nobody)
        unsaid = Ratings(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), N_USERS, (1.0, 5.0))
        empty = counted(replace(world(0), **lists, presented=np.empty(0), ratings=unsaid))
    measured = metric.measure(empty)
    assert measured is not None
    assert measured.value == pytest.approx(metric.of_nothing, nan_ok=True)
    if metric.level == "individual":
        assert (measured.n, measured.n_skipped) == (0, N_USERS)


@each(lambda metric: metric.level == "individual" and metric.name not in SAMPLED)
def test_absent_users_are_skipped_not_averaged(metric: Metric) -> None:
    inputs = inputs_of(metric, 3)
    before = metric.measure(inputs)
    assert before is not None
    padded: object
    if isinstance(inputs, Outcomes):
        padded = Outcomes(*(np.append(getattr(inputs, name), np.nan) for name in Outcomes.__annotations__))
    elif isinstance(inputs, BesideIdeal):
        lists = (Lists(side.owner, side.item, N_USERS + 1) for side in (inputs.slates, inputs.ideal))
        padded = BesideIdeal(*lists, np.append(inputs.neighbor, -1), inputs.watched, inputs.ideal_watched)
    else:
        assert inputs.groups is not None
        assert inputs.showings is not None
        more = {
            name: Lists(lists.owner, lists.item, N_USERS + 1)
            for name in ("slates", "profiles", "test", "current_profiles", "chosen", "offered")
            if (lists := getattr(inputs, name))
        }
        assert inputs.ratings is not None
        groups, showings = np.append(inputs.groups, 0), np.append(inputs.showings, 0)
        told = replace(inputs.ratings, n_users=N_USERS + 1)
        padded = replace(inputs, **more, groups=groups, showings=showings, ratings=told)
    after = metric.measure(padded)
    assert after is not None
    assert after.value == pytest.approx(before.value, nan_ok=True)
    assert (after.n, after.n_skipped) == (before.n, before.n_skipped + 1)


@given(counts_lists, st.integers(1, 9))
def test_gini_is_scale_invariant_and_keeps_under_replication(counts: list[int], times: int) -> None:
    x = np.array(counts, dtype=np.float64)
    gini = float(gini_index(x))
    assert float(gini_index(x * times)) == pytest.approx(gini)
    assert float(gini_index(np.tile(x, times))) == pytest.approx(gini)


@given(counts_lists, st.data())
def test_gini_falls_when_the_rich_give_to_the_poor(counts: list[int], data: st.DataObject) -> None:
    x = np.array(counts, dtype=np.float64)
    rich, poor = int(x.argmax()), int(x.argmin())
    gap = x[rich] - x[poor]
    given_away = gap * data.draw(st.floats(0.01, 0.5))
    y = x.copy()
    y[rich] -= given_away
    y[poor] += given_away
    if gap > 0:
        assert float(gini_index(y)) < float(gini_index(x))


@given(counts_lists)
def test_gini_is_twice_the_area_above_the_lorenz_curve(counts: list[int]) -> None:
    curve: Floats = lorenz_curve(np.array(counts))
    area = float(((curve[1:] + curve[:-1]) / 2).mean())
    assert float(gini_index(np.array(counts))) == pytest.approx(1 - 2 * area, abs=1e-12)


def test_edges_of_concentration() -> None:
    zero = np.zeros(3)
    for metric in (gini_index, exposure_entropy, hhi):
        assert np.isnan(float(metric(zero)))
    assert np.isnan(lorenz_curve(zero)).all()
    assert float(gini_index(np.array([7.0]))) == 0
    assert float(gini_index(np.array([2.0, 2.0, 2.0]))) == 0


@given(st.integers(0, 1000))
def test_js_divergence_is_symmetric_and_0_only_between_equals(seed: int) -> None:
    random = np.random.default_rng(seed)
    p, q = random.dirichlet(np.ones(3), 2)[:, None, :]
    assert js_divergence(p, q)[0] == pytest.approx(js_divergence(q, p)[0])
    assert js_divergence(p, p)[0] == 0
    assert 0 < js_divergence(p, q)[0] <= 1


@given(st.integers(0, 1000))
@settings(max_examples=30)
def test_no_lift_where_slates_are_profiles(seed: int) -> None:
    evidence = world(seed)
    profiles, popularity = evidence.profiles, evidence.popularity
    assert profiles is not None
    assert popularity is not None
    assert evidence.phi is not None
    assert float(popularity_lift(profiles, profiles, evidence.phi)) == 0
    assert float(log_popularity_difference(profiles, profiles, popularity)) == 0


@given(st.integers(0, 1000))
@settings(max_examples=30)
def test_coverage_grows_with_k(seed: int) -> None:
    slates = world(seed).slates
    covered = [
        float(catalog_coverage(np.bincount(slates.top(k).item, minlength=N_ITEMS).astype(np.float64)))
        for k in range(1, K + 1)
    ]
    assert covered == sorted(covered)


def test_sampled_pairs_are_fixed_valid_and_close_to_all_pairs() -> None:
    first, second = user_pairs(500)
    assert len(first) == MAX_PAIRS
    assert (first != second).all()
    assert (np.stack(user_pairs(500)) == np.stack([first, second])).all()
    random = np.random.default_rng(1)
    chosen = random.random((500, 3000)) < random.random(3000) * 0.3
    lists = Lists.of(*(side.astype(np.int64) for side in np.nonzero(chosen)), 500)
    exact = chosen.astype(np.float64)
    overlap = exact @ exact.T
    union = chosen.sum(1)[:, None] + chosen.sum(1)[None, :] - overlap
    every = (overlap / union)[np.triu_indices(500, 1)].mean()
    assert float(mean_pairwise_jaccard(lists)) == pytest.approx(every, abs=0.001)


def test_groups_are_the_ends_of_the_users_sorted_by_popular_share() -> None:
    popularity = np.array([9.0, 8, 1, 1, 1, 1, 1, 1, 1, 1])
    profiles = Lists.of_matrix(np.array([[0, 1], [2, 3], [0, 2], [1, 3], [0, 4], [-1, -1]]))
    assert user_groups(profiles, popularity).tolist() == [2, 0, 1, 1, 1, -1]
