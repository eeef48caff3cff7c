"""Worlds of published studies are as their papers say."""

import numpy as np

from simulator.components import build


def test_the_triangular_matrix():
    world = build("data", {"kind": "triangular", "size": 5}).load()
    taken = np.zeros((5, 5), dtype=int)
    taken[world.interactions.user_id, world.interactions.item_id] = 1
    assert taken.tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert world.interactions.counts(5).tolist() == [4, 3, 2, 1, 0]


def test_a_blank_platform():
    world = build("data", {"kind": "blank", "items": 7, "users": 3}).load()
    assert (len(world.catalog), len(world.users), len(world.interactions)) == (7, 3, 0)
    assert world.catalog.released is None
    assert world.catalog.genres == ()


def test_items_arrive_and_have_genres_where_asked_for():
    world = build("data", {"kind": "blank", "items": 500, "genres": 5, "arriving": 2}).load()
    assert world.catalog.released is not None
    assert world.catalog.released[:5].tolist() == [0, 0, 1440, 1440, 2880]
    counts = world.catalog.genre_matrix.sum(axis=0)
    assert counts.sum() == 500
    assert counts.min() > 60
