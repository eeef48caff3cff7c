import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from agents.schema import PAD
from simulator.recommenders.base import CELLS, CHUNK, Scorer, top_k
from simulator.recommenders.planted import requests_of


def naive(scores, barred, k):
    allowed = [i for i in range(len(scores)) if i not in barred and scores[i] > -np.inf]
    best = sorted(allowed, key=lambda i: (-scores[i], i))[:k]
    return best + [PAD] * (k - len(best))


@given(
    scores=arrays.arrays(
        np.float64, st.tuples(st.integers(1, 4), st.integers(1, 9)), elements=st.sampled_from([-np.inf, -1.0, 0.0, 0.5])
    ),
    barred=st.lists(st.lists(st.integers(0, 12), max_size=9), min_size=4, max_size=4),
    k=st.integers(1, 12),
)
def test_agrees_with_sorting_each_row(scores, barred, k):
    rows = [np.array(barred[b], dtype=np.int64) for b in range(len(scores))]
    items, best = top_k(scores.copy(), requests_of([row[:0] for row in rows], rows), k)
    for b, row in enumerate(items):
        assert row.tolist() == naive(scores[b], barred[b], k)
        shown = row != PAD
        assert np.array_equal(best[b][shown], scores[b][row[shown]])
        assert np.isnan(best[b][~shown]).all()


def test_agrees_where_many_items_are_looked_at_in_groups():
    scores = np.round(np.random.default_rng(0).normal(size=(40, 997)), 1)
    scores[:3] = 0.5
    scores[3:6] = -np.inf
    barred = [np.arange(b * 20) for b in range(40)]
    items, _ = top_k(scores.copy(), requests_of([row[:0] for row in barred], barred), 7)
    for b, row in enumerate(items):
        assert row.tolist() == naive(scores[b], set(barred[b]), 7)


class Rows(Scorer):
    """Score by the request's user, in an array that remembers how many requests it was asked for at a time."""

    def __init__(self, n_items):
        self.n_items, self.asked = n_items, []

    def fit(self, log, catalog, *, rng, progress=None):
        pass

    def score(self, requests):
        self.asked.append(len(requests))
        return np.sin(np.outer(requests.user_id + 1, np.arange(1, self.n_items + 1)))

    def state(self):
        return {}

    def load_state(self, state):
        pass


@pytest.mark.parametrize("n_items", [50, 40_000])
def test_chunks_are_bounded_and_change_nothing(n_items):
    nothing = [np.zeros(0, dtype=np.int64)] * 150
    requests, scorer = requests_of(nothing, nothing), Rows(n_items)
    slates = scorer.recommend(requests, 5)
    assert sum(scorer.asked) == 150
    assert max(scorer.asked) * n_items <= max(CELLS, CHUNK * n_items)
    whole, _ = top_k(scorer.score(requests), requests, 5)
    assert np.array_equal(slates.item_id, whole)
