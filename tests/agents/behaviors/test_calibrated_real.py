"""Calibrated users against what real users did next (ML-100K, where it has been fetched)."""

from dataclasses import replace

import numpy as np
import pytest

from agents.behaviors.calibrated import Calibrated
from agents.errors import MissingResource
from agents.personas.from_history import FromHistory
from agents.schema import Choices, Pages, Setting
from agents.slates import popular_slates
from simulator.cast import history, mean_ratings
from simulator.components import build
from simulator.data.base import Dataset
from simulator.data.split import Split, split
from simulator.seeds import Streams

pytestmark = pytest.mark.slow
World = tuple[Dataset, Split, Setting, Calibrated]


@pytest.fixture(scope="module")
def world() -> World:
    try:
        dataset = build("data", "ml-100k").load()
    except MissingResource as error:
        pytest.skip(str(error))
    streams, source = Streams(1), np.arange(len(dataset.users))
    parts = split(dataset, 0.2, 0.5, streams)
    known = history(parts.users)
    popularity = parts.platform.counts(len(dataset.catalog))
    items = dataset.catalog.items
    personas = FromHistory().make(source, dataset.users, known, items, popularity, streams)
    mean_rating = mean_ratings(parts.platform, len(items))
    setting = Setting(
        items, personas, known, source, popularity, mean_rating, dataset.scale, Choices(examination=1.0), streams
    )
    behavior = Calibrated()
    behavior.prepare(setting)
    return dataset, parts, setting, behavior


def shown(setting: Setting, user: np.ndarray, item: np.ndarray) -> Pages:
    zeros = np.zeros(len(user))
    counts = np.zeros(len(user), dtype=np.int64)
    popularity = setting.popularity[item]
    return Pages(user, zeros, counts + 1, counts, item, popularity, np.zeros(item.shape, dtype=np.int64), zeros, zeros)


def test_held_out_favorites_rank_above_matched_and_unmatched_items(world: World) -> None:
    _, parts, setting, behavior = world
    rank = np.empty(len(setting.items), dtype=np.int64)
    order = np.argsort(-setting.popularity, kind="stable")
    rank[order] = np.arange(len(order))
    known = np.zeros((len(setting.personas), len(order)), dtype=bool)
    for part in (parts.users, parts.platform, parts.held_out):
        known[part.user_id, part.item_id] = True
    every = np.arange(len(order))[None, :]
    uniform, matched, popular = [], [], []
    for user in range(len(setting.personas)):
        liked = parts.held_out.item_id[(parts.held_out.user_id == user) & (parts.held_out.rating >= 4)]
        if not len(liked):
            continue
        score = behavior.utility(shown(setting, np.array([user]), every))[0]
        free = np.flatnonzero(~known[user])
        uniform.append((score[liked][:, None] > score[free]).mean())
        near = [order[max(rank[i] - 3, 0) : rank[i] + 4] for i in liked]
        pairs = [(i, j) for i, group in zip(liked, near, strict=True) for j in group if not known[user, j]]
        if pairs:
            good, other = np.array(pairs).T
            matched.append((score[good] > score[other]).mean())
            counts = setting.popularity
            popular.append(((counts[good] > counts[other]) + 0.5 * (counts[good] == counts[other])).mean())
    assert np.mean(uniform) >= 0.85
    assert np.mean(matched) >= 0.64
    assert abs(np.mean(popular) - 0.5) < 0.02, "matching by popularity leaves popularity nothing to say"


def test_held_out_ratings_are_distributed_as_real_ones(world: World) -> None:
    _, parts, setting, behavior = world
    held = parts.held_out
    given = behavior.ratings(shown(setting, held.user_id, held.item_id[:, None]))[:, 0]
    gap = max(abs((given <= level).mean() - (held.rating <= level).mean()) for level in range(1, 6))
    assert gap <= 0.05


def test_base_rate_holds_on_fresh_slates(world: World) -> None:
    _, _, setting, behavior = world
    fresh = popular_slates(replace(setting, draws=Streams(99)), 3000)
    rate = behavior.probability(fresh, np.zeros(fresh.item_id.shape), behavior._base).mean()
    assert abs(rate / 0.1 - 1) < 0.05
