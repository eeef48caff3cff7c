"""Levers that decide who learns and what gets in: newcomers, randomized traffic, exploring for a while."""

from dataclasses import replace

import numpy as np
import pytest

from agents.schema import PAD
from simulator.catalog import Catalog, Interactions
from simulator.components import build
from simulator.levers.base import levered
from simulator.recommenders.planted import Planted
from simulator.recommenders.popularity import Popularity

WORLD = Planted.shuffled(users=240, length=12)
N = len(WORLD.catalog)


def fitted(*levers, catalog=WORLD.catalog, kind="popularity", log=WORLD.log):
    recommender = levered({"kind": kind, "levers": list(levers)})
    recommender.fit(log, catalog, rng=np.random.default_rng(0))
    return recommender


def arriving(items, moment: float) -> Catalog:
    released = np.zeros(N)
    released[items] = moment
    return replace(WORLD.catalog, released=released)


def test_newcomers_get_in_at_places_by_lot_for_as_long_as_they_are_new():
    requests = WORLD.requests(exclude=False)
    now, least = requests.now[0], np.argsort(WORLD.log.counts(N), kind="stable")[:40]
    newcomers = {"kind": "newcomers", "strength": 1}
    shown = {
        age: np.isin(fitted(newcomers, catalog=arriving(least, now - age)).recommend(requests, 10).item_id, least)
        for age in (60.0, 1440.0)
    }
    share = shown[60.0].mean()
    assert share == pytest.approx(40 / N, rel=0.3)
    assert not shown[1440.0].any()
    by_place = shown[60.0].mean(axis=0)
    assert by_place.max() < 2 * by_place.min()


def test_a_newcomer_that_was_taken_or_is_recommended_higher_is_left_alone():
    requests = WORLD.requests()
    popular = np.argsort(-WORLD.log.counts(N), kind="stable")[:1]
    recommender = fitted({"kind": "newcomers", "strength": 1}, catalog=arriving(popular, requests.now[0] - 1))
    items = recommender.recommend(requests, 10).item_id
    had = (WORLD.taken == popular[0]).any(axis=1)
    assert had.any()
    assert not (items[had] == popular[0]).any()
    assert (items[~had, 0] == popular[0]).all()
    assert all(len(np.unique(row)) == 10 for row in items)


def test_randomized_traffic_is_shown_chance_and_alone_is_learned_from():
    lever = build("levers", {"kind": "randomized_traffic", "strength": 0.3})
    user = np.arange(WORLD.users)
    apart = lever._apart(user)
    assert apart.mean() == pytest.approx(0.3, abs=0.1)
    simulated = replace(WORLD.log, is_synthetic=np.ones(len(WORLD.log), dtype=bool))
    slates = fitted({"kind": "randomized_traffic", "strength": 0.3}, log=simulated).recommend(WORLD.requests(), 10)
    alone = Popularity()
    alone.fit(simulated.take(np.isin(simulated.user_id, user[apart])), WORLD.catalog, rng=np.random.default_rng(0))
    expected = alone.recommend(WORLD.requests(), 10)
    np.testing.assert_array_equal(slates.item_id[~apart], expected.item_id[~apart])
    np.testing.assert_array_equal(slates.score[~apart], expected.score[~apart])
    assert np.isnan(slates.score[apart]).all()
    assert np.isfinite(slates.log_propensity[apart]).all()
    assert np.isnan(slates.log_propensity[~apart]).all()
    assert len(np.unique(slates.item_id[apart])) > 0.8 * N
    known = Interactions.concatenate([WORLD.log])
    assert len(lever.lessons(known)) == len(known)


def test_exploring_ends_when_it_is_said_to():
    requests = WORLD.requests()
    plain = fitted().recommend(requests, 10)
    for until, explores in (("1d", False), ("5000d", True)):
        slates = fitted({"kind": "exploration", "strength": 1, "until": until}).recommend(requests, 10)
        assert (slates.item_id != plain.item_id).any() == explores
        assert np.isfinite(slates.log_propensity[slates.item_id != PAD]).all()
        assert (slates.log_propensity == 0).all() != explores
        assert np.array_equal(slates.score, plain.score) != explores
