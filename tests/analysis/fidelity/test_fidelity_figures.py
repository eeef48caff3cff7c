"""Figures of fidelity: known values and properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from agents.schema import History
from analysis.fidelity import choices, ratings, shape, spoken, summary, tournament
from analysis.fidelity.fold import Fold

LEVELS = np.arange(1.0, 6.0)
SAMPLES = hnp.arrays(np.float64, st.integers(1, 40), elements=st.sampled_from(LEVELS.tolist()))


@given(SAMPLES, SAMPLES)
def test_distances_agree_with_scipy_and_are_symmetric(one, other):
    p, q = ratings.shares(one, LEVELS), ratings.shares(other, LEVELS)
    assert ratings.ks(p, q) == pytest.approx(stats.ks_2samp(one, other).statistic)
    assert ratings.wasserstein(p, q) == pytest.approx(stats.wasserstein_distance(one, other))
    for distance in (ratings.ks, ratings.wasserstein, ratings.total_variation, ratings.jensen_shannon):
        assert distance(p, q) == pytest.approx(distance(q, p))
        assert distance(p, p) == 0
        assert (distance(p, q) > 1e-9) == (not np.allclose(p, q))


@given(SAMPLES, st.integers(1, 4))
def test_means_over_users_do_not_change_when_everybody_is_there_twice(values, users):
    user = np.arange(len(values)) % users
    twice = choices.macro(np.tile(values, 2), np.concatenate([user, user + users]))
    assert twice == pytest.approx(choices.macro(values, user))


def test_user_biases_are_found():
    user, item = (part.ravel() for part in np.meshgrid(np.arange(30), np.arange(40), indexing="ij"))
    rating = 3.0 + 0.5 * (user % 3 - 1) + 0.4 * (item % 5 - 2)
    known = History(user, item, rating, np.zeros(len(user)))
    biases = ratings.Biases.of(known, 30, 40)
    assert ratings.rmse(biases.both(user, item), rating) < 0.15
    assert ratings.rmse(biases.user_mean[user], rating) > 0.5


def test_popularity_scores_one_half_against_matched_items():
    rng = np.random.default_rng(3)
    counts = np.sort(rng.integers(0, 500, size=(200, 7)))[:, ::-1].astype(float)
    page = np.concatenate([counts[:, 3:4], counts[:, :3], counts[:, 4:]], axis=1)
    items = np.arange(7)[None].repeat(200, axis=0)
    items[rng.random(items.shape) < 0.2] = -1
    items[:, 0] = 0
    assert np.nanmean(choices.above_matched(page, items)) == pytest.approx(0.5, abs=0.03)


def test_the_slope_says_how_over_confident_utilities_are():
    rng = np.random.default_rng(1)
    utility = rng.normal(size=(4000, 10))
    chosen = (utility + rng.gumbel(size=utility.shape)).argmax(axis=1)
    order = np.argsort(np.arange(10)[None] != chosen[:, None], axis=1, kind="stable")
    taken_first = np.take_along_axis(utility, order, 1)
    nothing = np.zeros_like(utility)
    assert choices.slope(taken_first, nothing) == pytest.approx(1.0, abs=0.06)
    assert choices.slope(2 * taken_first, nothing) == pytest.approx(0.5, abs=0.03)
    likely = choices.log_likelihood(taken_first, nothing)
    assert choices.mcfadden_r2(likely, choices.log_likelihood(nothing, nothing)) > 0.1


def test_constants_of_a_row_change_no_likelihood():
    rng = np.random.default_rng(2)
    utility, offset = rng.normal(size=(2, 50, 6))
    moved = utility + rng.normal(size=(50, 1))
    np.testing.assert_allclose(choices.log_likelihood(utility, offset), choices.log_likelihood(moved, offset))


def test_shape_of_the_same_is_one_whatever_the_order_of_users():
    rng = np.random.default_rng(4)
    taken = rng.random((20, 30)) < 0.3
    genres = np.eye(5)[np.arange(30) % 5]
    same = shape.figures(taken[::-1], taken, genres)
    assert all(value == pytest.approx(1.0) for value in same.values())
    assert shape.co_consumption(np.eye(6, dtype=bool)) == 0


def test_ndcg_of_what_was_taken_is_one():
    held = History(np.array([3, 3, 5]), np.array([1, 2, 7]), np.ones(3), np.zeros(3))
    fold = Fold(known=held, held=held, fitted=np.array([0]), tested=np.array([3, 5]))
    assert tournament.real_ndcg(np.array([[1, 2], [7, -1]]), fold) == pytest.approx(1.0)
    assert tournament.real_ndcg(np.array([[8, 9], [8, 9]]), fold) == 0


def test_calibration_finds_a_score_that_tells_something_and_leaves_noise_alone():
    rng = np.random.default_rng(5)
    base, score = rng.normal(size=(600, 16, 1)), rng.normal(size=(600, 16))
    base[:, 0, 0] += 1.0
    score[:, 0] += 0.7
    there = np.ones((600, 16), dtype=bool)
    item, user = np.arange(16)[None].repeat(600, axis=0), np.arange(600) % 50
    for z, least, most in ((score, 0.2, 0.6), (rng.normal(size=score.shape), -0.02, 0.02)):
        fit, test = slice(300), slice(300, None)
        voice = spoken.weigh(base[fit], z[fit], there[fit])
        alone = spoken.Calibration.fit(np.concatenate([base[fit]] * 2), spoken.asked_twice(there[fit]))
        told = spoken.judge(base[test], z[test], item[test], user[test], voice, alone)
        assert least < told["llm_gain"] < most


def test_intervals_and_targets():
    found = summary.together([{"a": 1.0, "b": np.nan}, {"a": 2.0, "c": 1.0}])
    assert found["a"]["low"] < 1.5 < found["a"]["high"]
    assert found["b"]["value"] is None
    assert summary.Target("a", low=0.0).met(found)
    assert not summary.Target("a", low=0.0, firm=True).met(found)
    assert summary.Target("zz").met(found) is None
