import dataclasses

import numpy as np
import pytest

from agents.errors import InvalidInput
from analysis.offline import beaten, difference, figures, leave_one_out, trial
from simulator.catalog import Interactions
from simulator.components import build
from simulator.data.held_out import last_fifth
from simulator.recommenders.base import Slates
from simulator.recommenders.planted import Planted
from simulator.recommenders.popularity import Popularity
from simulator.seeds import Streams

WORLD = Planted.shuffled(users=150, length=10)


def log_of(user, item, time):
    n = len(user)
    columns = (np.array(user), np.array(item), np.full(n, np.nan), np.array(time, dtype=float))
    return Interactions(*columns, np.zeros(n, dtype=bool))


def test_the_last_by_time_then_row_is_held_out_and_single_interactions_stay():
    log = log_of([4, 2, 4, 2, 4], [0, 1, 2, 3, 5], [0, 0, 1, 1, 1])
    held_out = leave_one_out(log.take(np.array([0, 2, 4, 1])), WORLD.catalog)
    assert held_out.target.tolist() == [5]
    assert held_out.requests.user_id.tolist() == [4]
    assert held_out.requests.history.tolist() == [0, 2]
    assert held_out.requests.exclude.tolist() == [0, 2]
    assert held_out.train.item_id.tolist() == [0, 2, 1]


def test_no_target_is_in_training_or_history():
    held_out = leave_one_out(WORLD.log, WORLD.catalog)
    pairs = set(zip(held_out.train.user_id.tolist(), held_out.train.item_id.tolist(), strict=True))
    assert not pairs & set(zip(held_out.requests.user_id.tolist(), held_out.target.tolist(), strict=True))
    assert len(held_out.train) == len(WORLD.log) - WORLD.users


def test_nobody_to_ask_is_said():
    with pytest.raises(InvalidInput, match="no user has two"):
        leave_one_out(log_of([0, 1], [0, 1], [0, 0]), WORLD.catalog)


def test_figures_of_a_known_recommender():
    held_out = leave_one_out(WORLD.log, WORLD.catalog)
    result = trial(build("recommenders", "popularity"), held_out, Streams(0))
    counts = held_out.train.counts(len(WORLD.catalog))
    ranks = []
    for user, target in zip(held_out.requests.user_id, held_out.target, strict=True):
        mine = set(held_out.train.item_id[held_out.train.user_id == user].tolist())
        order = [i for i in np.lexsort((np.arange(len(counts)), -counts)).tolist() if i not in mine]
        ranks.append(order.index(target) + 1)
    hits = np.array([rank <= 10 for rank in ranks])
    assert np.array_equal(result.recall, hits)
    assert result.ndcg == pytest.approx(np.where(hits, 1 / np.log2(1 + np.array(ranks)), 0))
    assert 0 < result.arp < 1
    assert result.catalog_coverage < 0.5 < result.gini_index


def test_difference_to_itself_is_nothing_and_to_worse_is_positive():
    held_out = leave_one_out(WORLD.log, WORLD.catalog)
    good, bad = (
        [trial(build("recommenders", kind), held_out, Streams(s)) for s in range(2)]
        for kind in ("skip_markov", "random")
    )
    assert difference(good, good, "ndcg") == {"mean": 0, "low": 0, "high": 0}
    gap = difference(good, bad, "recall")
    assert 0 < gap["low"] < gap["mean"] < gap["high"]
    assert figures(good)["recall@10"]["sd"] == 0
    assert figures(good[:1])["recall@10"]["sd"] is None


def test_seeds_reach_recommenders_that_draw():
    held_out = leave_one_out(WORLD.log, WORLD.catalog)
    first, second, again = (trial(build("recommenders", "random"), held_out, Streams(seed)) for seed in (0, 1, 0))
    assert not np.array_equal(first.recall, second.recall) or first.gini_index != second.gini_index
    assert np.array_equal(first.recall, again.recall)


class Wasteful(Popularity):
    """Shows the last item alone, says that three of four were invalid, and needs 60 MB."""

    def fit(self, log, catalog, *, rng, progress=None):
        super().fit(log, catalog, rng=rng)
        np.ones(60_000_000 // 8).sum()

    def recommend(self, requests, k):
        item = np.full((len(requests), k), -1)
        item[:, 0] = len(WORLD.catalog) - 1
        nothing = np.full(item.shape, np.nan)
        return Slates(item, nothing, nothing, {"invalid_generated": 3.0 * len(requests)})


def test_validity_short_lists_and_memory_are_measured():
    held_out = leave_one_out(WORLD.log, WORLD.catalog)
    result = trial(Wasteful(), held_out, Streams(0))
    assert result.invalid_generated == 0.75
    assert result.short_lists == 1
    assert result.catalog_coverage == pytest.approx(1 / len(WORLD.catalog))
    assert np.isnan(result.mean("intra_list_diversity")), "a list of one has no pairs"
    assert 55 < result.peak_mb < 120
    plain = trial(build("recommenders", "popularity"), held_out, Streams(0))
    assert (plain.invalid_generated, plain.short_lists) == (0, 0)
    assert plain.peak_mb < 20
    assert 0 < plain.ms_p50 <= plain.ms_p95
    assert figures([result, plain])["peak_mb"] == plain.peak_mb


def test_an_empty_list_is_a_miss_not_a_gap():
    class Silent(Wasteful):
        def recommend(self, requests, k):
            slates = super().recommend(requests, k)
            return dataclasses.replace(slates, item_id=np.full_like(slates.item_id, -1))

    result = trial(Silent(), leave_one_out(WORLD.log, WORLD.catalog), Streams(0))
    assert result.recall.tolist() == [0] * WORLD.users
    assert result.invalid_generated == 1


def test_several_targets_share_the_recall():
    world = Planted.shuffled(users=100, length=15)
    held_out = last_fifth(world.log, world.catalog)
    result = trial(build("recommenders", "skip_markov"), held_out, Streams(0))
    wanted = np.bincount(held_out.owner)
    assert wanted.min() >= 2
    hits = result.recall * wanted
    assert np.allclose(hits, hits.round())
    assert ((result.recall > 0) & (result.recall < 1)).any()
    assert np.all(result.ndcg <= 1)


def test_only_who_is_worse_in_both_beyond_chance_is_beaten():
    held_out = leave_one_out(WORLD.log, WORLD.catalog)
    good, popular = (
        [trial(build("recommenders", kind), held_out, Streams(0))] for kind in ("skip_markov", "popularity")
    )
    assert beaten(popular, good, "arp")
    assert not beaten(good, popular, "arp")
    assert not beaten(good, good, "arp")
