"""Invented worlds: reproducible, long-tailed, with tastes that show."""

import time

import numpy as np
import pytest

from agents.errors import InvalidInput
from simulator.data.base import Dataset
from simulator.data.synthetic import PRESETS, Synthetic, titles
from simulator.seeds import Streams


@pytest.fixture(scope="module")
def world() -> Dataset:
    return Synthetic(variant="small").load()


def test_the_same_parameters_give_the_same_world(world: Dataset) -> None:
    again, other = Synthetic(variant="small").load(), Synthetic(variant="small", seed=1).load()
    for name in ("user_id", "item_id", "rating", "time"):
        np.testing.assert_array_equal(getattr(world.interactions, name), getattr(again.interactions, name))
    assert other.interactions.item_id.tolist() != world.interactions.item_id.tolist()


def test_a_user_does_not_depend_on_how_many_there_are(world: Dataset) -> None:
    few = Synthetic(variant="small", users=50).load()
    one, same = (data.interactions.take(data.interactions.user_id == 7) for data in (few, world))
    assert one.item_id.tolist() == same.item_id.tolist()
    assert one.rating.tolist() == same.rating.tolist()
    np.testing.assert_allclose(few.epoch + 60 * one.time, world.epoch + 60 * same.time, atol=1e-3)


def test_sizes_order_and_ranges(world: Dataset) -> None:
    users, items, per_user = PRESETS["small"]
    log = world.interactions
    assert (len(world.users), len(world.catalog)) == (users, items)
    assert len(log) / users == pytest.approx(per_user, rel=0.1)
    assert (np.diff(log.time) >= 0).all()
    assert log.time[-1] == 0
    assert set(log.rating.tolist()) == {1, 2, 3, 4, 5}
    assert [item.item_id for item in world.catalog.items] == list(range(items))
    assert all(1 <= len(item.genres) <= 3 for item in world.catalog.items)
    pairs = log.user_id * items + log.item_id
    assert len(np.unique(pairs)) == len(pairs), "nobody takes the same item twice"


def test_titles_are_distinct() -> None:
    assert len(set(titles(Streams(0), 30_000))) == 30_000


def test_popularity_has_a_long_tail(world: Dataset) -> None:
    counts = np.sort(world.interactions.counts(len(world.catalog)))[::-1]
    assert counts[: len(counts) // 5].sum() / counts.sum() > 0.5


def test_tastes_show_in_what_is_taken_and_in_ratings(world: Dataset) -> None:
    log, genres = world.interactions, world.catalog.genre_matrix

    def entropy(items: np.ndarray) -> float:
        share = np.zeros((len(world.users), genres.shape[1]))
        np.add.at(share, log.user_id, genres[items])
        share /= share.sum(axis=1, keepdims=True)
        return float(-(share * np.log2(np.where(share > 0, share, 1))).sum(axis=1).mean())

    shuffled = log.item_id[np.argsort(Streams(0).uniform("test", np.arange(len(log))))]
    assert entropy(log.item_id) < entropy(shuffled) - 0.1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"variant": "huge"}, "variants are tiny, small, medium, 1m"),
        ({"users": 0}, "users 0"),
        ({"variant": "tiny", "interactions_per_user": 100}, "half the items"),
    ],
)
def test_sizes_that_cannot_be(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Synthetic(**parameters).load()  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_million_users() -> None:
    start = time.process_time()
    data = Synthetic(variant="1m").load()
    assert len(data.users) == 1_000_000
    assert len(data.interactions) == pytest.approx(10_000_000, rel=0.05)
    assert time.process_time() - start < 180
