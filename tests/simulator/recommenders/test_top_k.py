import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from agents.schema import PAD
from simulator.recommenders.base import top_k
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
    items, best = top_k(scores, requests_of([row[:0] for row in rows], rows), k)
    for b, row in enumerate(items):
        assert row.tolist() == naive(scores[b], barred[b], k)
        shown = row != PAD
        assert np.array_equal(best[b][shown], scores[b][row[shown]])
        assert np.isnan(best[b][~shown]).all()


def test_leaves_the_scores_alone():
    scores = np.array([[3.0, 1.0, 2.0]])
    top_k(scores, requests_of([np.array([0])], [np.array([0])]), 2)
    assert scores.tolist() == [[3.0, 1.0, 2.0]]
