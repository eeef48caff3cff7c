"""Users with latent tastes: co-occurrence, and nothing held back from the future."""

import numpy as np
import pytest

from agents.behaviors.latent import Latent
from agents.errors import InvalidInput
from agents.factors import earlier, factors
from agents.schema import History
from simulator.components import build
from tests.agents.worlds import GENRES, history, items, setting


def test_items_that_the_same_users_take_are_near_each_other() -> None:
    found = factors(history(), 80, 4)
    found = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    first = np.array([GENRES.index(item.genres[0]) if len(item.genres) == 1 else -1 for item in items()])
    alike = found @ found.T
    popular = (first >= 0) & (np.arange(80) < 60)
    same = (first[:, None] == first) & popular[:, None] & popular & ~np.eye(80, dtype=bool)
    other = (first[:, None] != first) & popular[:, None] & popular
    assert alike[same].mean() > alike[other].mean() + 0.3


def test_factors_do_not_depend_on_who_is_called_what() -> None:
    log = history()
    renamed = History(59 - log.user_id, log.item_id, log.rating, log.time)
    np.testing.assert_allclose(factors(log, 80, 3), factors(renamed, 80, 3), atol=1e-6)


def test_a_history_of_one_user_has_no_factors() -> None:
    log = history(n_users=1)
    assert not factors(log, 80, 3).any()


def test_the_later_part_is_left_out() -> None:
    log = history()
    kept = earlier(log)
    for user in range(60):
        before, every = (part.time[part.user_id == user] for part in (kept, log))
        np.testing.assert_array_equal(before, every[: int(np.ceil(0.8 * len(every)))])


def test_latent_users_find_what_they_love_among_items_without_genres() -> None:
    world = setting(30)
    behavior = build("behaviors", {"kind": "latent", "dimensions": 6})
    behavior.prepare(world)
    every = np.arange(80)
    taste = np.stack([behavior._learned.users.taste(np.full(80, user), every) for user in range(30)])
    apart = taste - taste.mean(axis=0)
    loves = np.array([[GENRES[user % 5] in item.genres for item in items()] for user in range(30)])
    gaps = np.array([row[mine].mean() - row[~mine].mean() for row, mine in zip(apart, loves, strict=True)])
    for genre in range(len(GENRES)):
        assert gaps[genre :: len(GENRES)].mean() > 0.2


def test_dimensions_are_checked() -> None:
    with pytest.raises(InvalidInput, match="dimensions"):
        Latent(dimensions=0)
