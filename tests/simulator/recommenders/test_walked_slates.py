"""Recommenders that never score the catalog show what scoring it would have shown."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.schema import PAD
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.allowed import Allowed
from simulator.recommenders.base import Scorer
from simulator.recommenders.planted import requests_of
from simulator.recommenders.popularity import Popularity
from simulator.recommenders.random import Random, drawn
from simulator.seeds import Streams

BARRED = st.lists(st.lists(st.integers(-2, 14), max_size=16), min_size=1, max_size=5)


def asked(barred):
    rows = [np.array(row, dtype=np.int64) for row in barred]
    return requests_of([row[:0] for row in rows], rows)


def fitted(recommender, taken, n):
    log = Interactions(
        np.zeros(len(taken), dtype=np.int64),
        np.array(taken, dtype=np.int64),
        np.full(len(taken), np.nan),
        -np.arange(len(taken), dtype=float),
        np.zeros(len(taken), dtype=bool),
    )
    recommender.fit(log, Catalog((None,) * n, ("",) * n), rng=np.random.default_rng(0))
    return recommender


@given(barred=BARRED, n=st.integers(0, 12), k=st.integers(1, 14), data=st.data())
def test_allowed_places_are_what_is_left_of_the_order(barred, n, k, data):
    place = np.array(data.draw(st.permutations(range(n))), dtype=np.int64)
    allowed = Allowed.of(asked(barred), place)
    found = allowed.places(np.arange(k))
    for row, count, mine in zip(barred, allowed.count, found, strict=True):
        left = sorted(set(range(n)) - {int(place[item]) for item in row if 0 <= item < n})
        assert count == len(left)
        assert mine.tolist() == (left + [PAD] * k)[:k]


@given(
    barred=BARRED,
    n=st.integers(1, 12),
    k=st.integers(1, 14),
    half_life=st.sampled_from([None, 2.0]),
    data=st.data(),
)
def test_popularity_shows_what_scoring_the_catalog_would(barred, n, k, half_life, data):
    popularity = fitted(Popularity(half_life), data.draw(st.lists(st.integers(0, n - 1), max_size=20)), n)
    walked, scored = popularity.recommend(asked(barred), k), Scorer.recommend(popularity, asked(barred), k)
    for name in ("item_id", "score", "log_propensity"):
        assert np.array_equal(getattr(walked, name), getattr(scored, name), equal_nan=name != "item_id")
    assert walked.diagnostics == scored.diagnostics


@given(seed=st.integers(0, 2**63), count=st.integers(0, 30), k=st.integers(1, 12))
def test_a_row_draws_different_numbers_until_none_is_left(seed, count, k):
    row = drawn(np.array([seed], dtype=np.uint64), np.array([count]), k)[0]
    shown = row[row != PAD]
    assert len(shown) == len(set(shown)) == min(k, count)
    assert ((shown >= 0) & (shown < count)).all()
    assert (row[len(shown) :] == PAD).all()


def test_a_longer_slate_begins_like_a_shorter_one_and_rows_are_alone():
    seeds, count = Streams(1).words("test", np.arange(300)), np.arange(300) % 25
    long = drawn(seeds, count, 12)
    assert np.array_equal(drawn(seeds, count, 5), long[:, :5])
    assert np.array_equal(drawn(seeds[7:8], count[7:8], 12), long[7:8])


@pytest.mark.parametrize(("n", "k"), [(4, 3), (5, 2)])
def test_every_order_of_every_choice_is_equally_likely(n, k):
    draws = 40_000
    numbers = drawn(Streams(2).words("test", np.arange(draws)), np.full(draws, n), k)
    counts = np.bincount(numbers @ n ** np.arange(k), minlength=n**k)
    counts = counts[counts > 0]
    possible = int(np.prod(np.arange(n - k + 1, n + 1)))
    expected = draws / possible
    assert len(counts) == possible
    assert ((counts - expected) ** 2 / expected).sum() < 2 * possible + 15  # far beyond p = .001


def test_random_says_how_likely_each_item_was():
    slates = fitted(Random(), [0], 10).recommend(asked([[0, 1, 1, 99], list(range(9)), list(range(10))]), 3)
    assert np.exp(slates.log_propensity[0]) == pytest.approx(1 / 8)
    assert slates.item_id[1].tolist() == [9, PAD, PAD]
    assert slates.log_propensity[1, 0] == 0
    assert np.isnan(slates.log_propensity[slates.item_id == PAD]).all()
    assert slates.diagnostics["short_lists"] == 2
