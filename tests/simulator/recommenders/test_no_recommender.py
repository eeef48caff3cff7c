"""Slates of a platform without a recommender: drawn by the popularity before the simulation, whatever happens in it."""

from dataclasses import replace

import numpy as np

from agents.schema import PAD
from simulator.catalog import Interactions
from simulator.recommenders.no_recommender import NoRecommender
from simulator.recommenders.planted import Planted, requests_of

WORLD = Planted.shuffled(users=240, length=12)
NOBODY = np.zeros(0, dtype=np.int64)


def fitted(log: Interactions) -> NoRecommender:
    recommender = NoRecommender()
    recommender.fit(log, WORLD.catalog, rng=np.random.default_rng(1))
    return recommender


def test_items_come_first_as_often_as_they_were_taken() -> None:
    counts = WORLD.log.counts(len(WORLD.catalog))
    requests = replace(requests_of([NOBODY] * 20_000, [NOBODY] * 20_000))
    slates = fitted(WORLD.log).recommend(requests, 3)
    first = np.bincount(slates.item_id[:, 0], minlength=len(counts)) / len(slates.item_id)
    expected = counts / counts.sum()
    assert np.abs(first - expected).max() < 5 * np.sqrt(expected.max() / 20_000)
    np.testing.assert_allclose(np.exp(slates.log_propensity[:, 0]), expected[slates.item_id[:, 0]])
    rest = 1 - expected[slates.item_id[:, 0]]
    np.testing.assert_allclose(np.exp(slates.log_propensity[:, 1]), expected[slates.item_id[:, 1]] / rest)


def test_what_is_excluded_leaves_its_chance_to_others() -> None:
    counts = WORLD.log.counts(len(WORLD.catalog))
    allowed = np.flatnonzero(counts)[:4]
    barred = np.setdiff1d(np.arange(len(counts)), allowed)
    slates = fitted(WORLD.log).recommend(requests_of([NOBODY] * 50, [np.append(barred, barred[:3])] * 50), 6)
    assert (np.sort(slates.item_id[:, :4], axis=1) == allowed).all()
    assert (slates.item_id[:, 4:] == PAD).all()
    np.testing.assert_allclose(
        np.exp(slates.log_propensity[:, 0]), counts[slates.item_id[:, 0]] / counts[allowed].sum()
    )
    np.testing.assert_allclose(slates.log_propensity[:, 3], 0.0, atol=1e-9)


def test_what_simulated_users_do_changes_nothing() -> None:
    synthetic = replace(WORLD.log, is_synthetic=np.ones(len(WORLD.log), bool), time=WORLD.log.time + 10_000)
    requests = requests_of([NOBODY] * 50, [NOBODY] * 50)
    before = fitted(WORLD.log).recommend(requests, 10)
    after = fitted(Interactions.concatenate([WORLD.log, synthetic.take(np.arange(500))])).recommend(requests, 10)
    np.testing.assert_array_equal(before.item_id, after.item_id)
