"""Recommenders of published studies do what their papers say."""

import numpy as np
import pytest

from agents.schema import PAD, Item
from simulator.catalog import Catalog, Interactions
from simulator.components import build
from simulator.recommenders.planted import requests_of

SALES = [[4, 0, 0, 0, 1], [3, 1, 0, 0, 0], [2, 3, 0, 0, 0], [0, 0, 5, 2, 1], [0, 0, 1, 6, 1]]
"""What five users bought how often, of five items."""


def log_of(sales):
    user, item = np.nonzero(sales)
    times = np.array(sales)[user, item]
    user, item = np.repeat(user, times), np.repeat(item, times)
    n = len(user)
    return Interactions(user, item, np.full(n, np.nan), np.arange(float(n)), np.ones(n, dtype=bool))


def catalog(n=5, genres=()):
    return Catalog(tuple(Item(i, str(i), (genres[i],) if genres else ()) for i in range(n)), tuple(map(str, range(n))))


def fitted(spec, **world):
    recommender = build("recommenders", spec)
    recommender.fit(log_of(SALES), catalog(**world), rng=np.random.default_rng(0))
    return recommender


def asking(*histories):
    return requests_of(
        [np.array(one, dtype=np.int64) for one in histories], [np.zeros(0, dtype=np.int64)] * len(histories)
    )


def test_neighbors_sales_are_counted_without_ones_own():
    requests = asking([0, 0, 0, 0, 4], [0, 0, 0, 1])
    scores = fitted({"kind": "neighbor_sales", "neighbors": 1}).score(requests)
    np.testing.assert_allclose(np.round(scores), [SALES[1], SALES[0]])
    discounted = fitted({"kind": "neighbor_sales", "neighbors": 2, "discount": 1}).score(requests)
    assert discounted[0] == pytest.approx([5 / 9, 4 / 4, 0, 0, 0], abs=1e-5)


def test_who_bought_nothing_is_sold_the_bestseller():
    scores = fitted({"kind": "neighbor_sales"}).score(asking([]))
    assert scores.argmax() == np.sum(SALES, axis=0).argmax()


@pytest.mark.parametrize(
    ("quantile", "first"), [(1.0, [0, 3, 2, 1, 4]), (0.5, [2, 3, 1, 0, 4]), (0.0, [4, 1, 2, 3, 0])]
)
def test_popularity_begins_at_a_quantile(quantile, first):
    slates = fitted({"kind": "popularity", "quantile": quantile}).recommend(asking([]), 6)
    assert slates.item_id[0].tolist() == [*first, PAD]
    assert (np.diff(slates.score[0, :5]) <= 0).all()


def test_content_follows_genres_then_popularity():
    slates = fitted({"kind": "content"}, genres=("a", "b", "a", "b", "b")).recommend(asking([1, 4], [2], []), 5)
    assert slates.item_id[:, :3].tolist() == [[3, 1, 4], [0, 2, 3], [0, 3, 2]]
