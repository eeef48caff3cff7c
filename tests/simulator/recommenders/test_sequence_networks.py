"""Networks over histories: what padding, length, time and objective do to them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from simulator.catalog import Interactions
from simulator.components import build
from simulator.data.synthetic import Synthetic
from simulator.recommenders.hstu import Hstu
from simulator.recommenders.objective import Objective, softmax_preference
from simulator.recommenders.planted import requests_of
from simulator.recommenders.sasrec import SasRec
from simulator.recommenders.sequences import batches, steps
from simulator.recommenders.transformer import Backbone, Block, ItemNetwork, Rows, Unit

SMALL = {"epochs": 3, "length": 12, "width": 16, "blocks": 1, "learning_rate": 0.01}
KINDS = ("sasrec", "hstu", "semantic_id")
WORLD = Synthetic(variant="tiny").load()


def fitted(kind: str, objective: Objective | None = None):
    recommender = build("recommenders", {"kind": kind, **SMALL})
    recommender.objective = objective or recommender.objective
    recommender.fit(WORLD.interactions, WORLD.catalog, rng=np.random.default_rng(1))
    return recommender


@pytest.fixture(scope="module")
def plain():
    return {kind: fitted(kind) for kind in KINDS}


def rows(items, times=None):
    items = torch.tensor(items)
    times = torch.tensor(times, dtype=torch.float64) if times else torch.zeros(items.shape, dtype=torch.float64)
    return Rows(items, times, times + 1.0)


@pytest.mark.parametrize("layer", [Block, Unit])
def test_padding_is_seen_by_none_and_rows_may_be_short(layer):
    torch.manual_seed(0)
    network = ItemNetwork(
        torch.ones(9), Backbone(layer, length=6, width=8, blocks=2, dropout=0.0), width=8, temperature=0.1
    )
    network.eval()
    long, short = network(rows([[0, 0, 0, 4, 2, 9]])), network(rows([[4, 2, 9]]))
    torch.testing.assert_close(long[:, 3:], short)
    with torch.no_grad():
        network.item[0] = 7.0
    torch.testing.assert_close(network(rows([[0, 0, 0, 4, 2, 9]]))[:, 3:], short)
    later = network(rows([[0, 0, 0, 4, 2, 1]]))
    torch.testing.assert_close(later[:, 3:5], short[:, :2])
    assert not torch.allclose(later[:, 5], short[:, 2])


def test_time_is_read_by_hstu_alone(plain):
    mine = WORLD.interactions.take(WORLD.interactions.user_id == 0)
    asked = requests_of([mine.item_id[:6]], [mine.item_id[:6]])
    asked = replace(asked, history_time=mine.time[:6], now=mine.time[6:7])
    later = replace(asked, now=asked.now + 365 * 1440.0)
    for kind, moves in (("sasrec", False), ("semantic_id", False), ("hstu", True)):
        scores = [plain[kind].score(requests) for requests in (asked, later)]
        assert np.array_equal(*scores) != moves, kind


def test_short_histories_are_cut_into_short_rows():
    user = np.repeat(np.arange(30), np.r_[np.full(20, 4), np.full(10, 80)])
    n = len(user)
    log = Interactions(user, np.arange(n), np.full(n, np.nan), np.arange(float(n)), np.zeros(n, dtype=bool))
    told = [*batches(log, 48, 8, np.random.default_rng(0))]
    assert {part.items.shape[1] for part, _ in told} == {6, 48}
    assert len(told) == steps(log, 48, 8, np.random.default_rng(0))
    pairs = sorted(
        pair
        for part, targets in told
        for pair in zip(part.items[part.items > 0] - 1, targets[targets > 0] - 1, strict=True)
    )
    assert pairs == [(i, i + 1) for i in range(n - 1) if user[i] == user[i + 1]]
    for part, targets in told:
        real = part.items > 0
        assert np.array_equal(part.times[real], part.items[real] - 1.0)
        assert np.array_equal(part.until[real], targets[real] - 1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_no_strength_is_plain_training_and_weights_turn_to_rare_items(kind, plain):
    again = fitted(kind, Objective(inverse_propensity=0.0, sdpo=0.0, self_play=0.0)).state()
    for name, value in plain[kind].state().items():
        np.testing.assert_array_equal(value, again[name])
    counts, users = WORLD.interactions.counts(len(WORLD.catalog)), range(100)
    told = [WORLD.interactions.item_id[WORLD.interactions.user_id == user] for user in users]
    popularity = [
        counts[recommender.recommend(requests_of(told, told), 10).item_id].mean()
        for recommender in (plain[kind], fitted(kind, Objective(inverse_propensity=1.0)))
    ]
    assert popularity[1] < 0.9 * popularity[0]


def test_weights_have_mean_one_over_the_log():
    counts = np.array([0.0, 1.0, 4.0, 100.0])
    weight = Objective(inverse_propensity=0.5).weights(counts)
    assert counts @ weight == pytest.approx(counts.sum())
    assert weight[1] / weight[2] == pytest.approx(2.0)
    assert Objective().weights(counts) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strengths", [{"sdpo": 1.0}, {"self_play": 1.0}])
def test_preferences_move_the_network_the_same_way_each_time(kind, strengths, plain):
    first, again = (fitted(kind, Objective(**strengths)).state() for _ in range(2))
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
    moved = [name for name, value in plain[kind].state().items() if not np.array_equal(value, first[name])]
    assert moved
    assert all(name.startswith("network.") for name in moved)


class Table:
    """Scores of five items that do not depend on the hidden state."""

    def __init__(self, scores):
        self.values = torch.tensor(scores, requires_grad=True)

    def scores(self, hidden, items):
        return self.values[items]


def test_a_preference_is_for_the_target_against_all_that_were_drawn():
    hidden = (torch.zeros(1, 1), torch.zeros(1, 1))
    items, others = torch.tensor([0]), torch.tensor([[1, 2, 0]])
    ours, reference = Table([0.5, 0.2, 0.1, 0.0, 0.0]), Table([0.1, 0.3, 0.1, 9.0, 9.0])
    loss = softmax_preference(ours, reference, hidden, items, others)
    gain = np.array([0.4, -0.1, 0.0])
    assert loss.item() == pytest.approx(np.log1p(np.exp(gain[1:] - gain[0]).sum()), rel=1e-6)
    loss.backward()
    assert ours.values.grad[0] < 0 < min(ours.values.grad[1:3])
    assert not ours.values.grad[3:].any()


@pytest.mark.parametrize("cls", [SasRec, Hstu])
def test_large_catalogs_are_sampled(cls, monkeypatch):
    monkeypatch.setattr("simulator.recommenders.cross_entropy.FULL", 50)
    monkeypatch.setattr("simulator.recommenders.cross_entropy.SAMPLE", 60)
    monkeypatch.setattr(ItemNetwork, "likely", lambda *_: pytest.fail("the whole catalog was scored in training"))
    recommender = cls(**SMALL)
    recommender.fit(WORLD.interactions, WORLD.catalog, rng=np.random.default_rng(1))
    monkeypatch.undo()
    told = [WORLD.interactions.item_id[WORLD.interactions.user_id == user] for user in range(100)]
    last, told = np.array([row[-1] for row in told]), [row[:-1] for row in told]
    shown = recommender.recommend(requests_of(told, told), 10).item_id
    assert (shown == last[:, None]).any(axis=1).mean() > 10 / len(WORLD.catalog)
