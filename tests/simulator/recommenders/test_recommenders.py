import numpy as np
import pytest

from agents.schema import PAD
from simulator.catalog import Interactions
from simulator.components import build
from simulator.recommenders.planted import Planted, requests_of

WORLD = Planted.shuffled(users=240, length=12)


def fitted(spec, world=WORLD):
    recommender = build("recommenders", spec)
    recommender.fit(world.log, world.catalog, rng=np.random.default_rng(0))
    return recommender


def log_of(rows):
    user, item, time = (np.array(column) for column in zip(*rows, strict=True))
    return Interactions(user, item, np.full(len(user), np.nan), time.astype(float), np.zeros(len(user), dtype=bool))


def test_half_life_prefers_what_is_popular_now():
    log = log_of([(0, 0, -3000), (1, 0, -3000), (2, 0, -3000), (0, 1, 0), (1, 1, 0)])
    nobody = requests_of([np.array([], dtype=np.int64)], [np.array([], dtype=np.int64)])
    for spec, first in (("popularity", 0), ({"kind": "popularity", "half_life": "1d"}, 1)):
        recommender = build("recommenders", spec)
        recommender.fit(log, WORLD.catalog, rng=np.random.default_rng(0))
        assert recommender.recommend(nobody, 1).item_id[0, 0] == first


def test_random_is_uniform_and_says_so():
    n, draws = len(WORLD.catalog), 6000
    nothing = [np.array([], dtype=np.int64)] * draws
    slates = fitted("random").recommend(requests_of(nothing, [np.arange(n - 8)] * draws), 3)
    counts = np.bincount(slates.item_id[:, 1], minlength=n)[n - 8 :]
    expected = draws / 8
    assert ((counts - expected) ** 2 / expected).sum() < 24.3  # chi-squared, 7 degrees of freedom, p = .001
    assert np.exp(slates.log_propensity) == pytest.approx(1 / 8)


def test_recency_one_ignores_order_and_less_does_not():
    forth, back = WORLD.requests(), WORLD.requests(backwards=True)
    for spec, alike in (({"kind": "ease"}, True), ({"kind": "ease", "recency": 0.5}, False)):
        recommender = fitted(spec)
        one, other = (recommender.recommend(r, 5).item_id for r in (forth, back))
        assert np.array_equal(one, other) == alike


def test_ease_solves_its_ridge_regressions():
    weights = fitted({"kind": "ease", "ridge": 7.0}).state()["weights"].astype(float)
    taken = np.zeros((WORLD.users, len(WORLD.catalog)))
    taken[WORLD.log.user_id, WORLD.log.item_id] = 1
    others = np.delete(np.arange(len(WORLD.catalog)), 11)
    gram = taken[:, others].T @ taken[:, others] + 7.0 * np.eye(len(others))
    assert weights[11, 11] == 0
    assert weights[others, 11] == pytest.approx(np.linalg.solve(gram, taken[:, others].T @ taken[:, 11]), abs=1e-5)


def test_ease_leaves_out_what_nobody_took_beside_another():
    recommender = build("recommenders", {"kind": "ease", "ridge": 2.0})
    rows = [(0, 1, 0), (0, 3, 1), (1, 3, 2), (1, 4, 3), (2, 0, 4), (2, 0, 5)]  # items 0 and 2 stand alone
    recommender.fit(log_of(rows), WORLD.catalog, rng=np.random.default_rng(0))
    taken = np.zeros((3, len(WORLD.catalog)))
    taken[[0, 0, 1, 1, 2], [1, 3, 3, 4, 0]] = 1
    inverse = np.linalg.inv(taken.T @ taken + 2.0 * np.eye(len(WORLD.catalog)))
    expected = -inverse / np.diag(inverse) * (1 - np.eye(len(inverse)))
    assert recommender.state()["weights"] == pytest.approx(expected, abs=1e-6)


def test_item_knn_keeps_the_nearest_neighbors_only():
    state = fitted({"kind": "item_knn", "neighbors": 3}).state()
    per_item = np.bincount(state["indices"], minlength=len(WORLD.catalog))
    assert per_item.max() == 3


def test_skip_markov_counts_decayed_gaps():
    spec = {"kind": "skip_markov", "gaps": 2, "gap_decay": 0.5, "popularity_exponent": 0}
    recommender = build("recommenders", spec)
    recommender.fit(log_of([(0, 0, 0), (0, 1, 1), (0, 2, 2)]), WORLD.catalog, rng=np.random.default_rng(0))
    scores = recommender.score(requests_of([np.array([0])], [np.array([0])]))[0]
    assert scores[[1, 2]] == pytest.approx(np.array([1.0, 0.5]) / np.sqrt(1.5), abs=1e-5)


def test_fallback_fills_and_counts_what_is_filled():
    world = Planted.shuffled(users=60, length=8)
    untaken = np.setdiff1d(np.arange(len(world.catalog)), world.log.item_id)
    assert len(untaken) >= 5
    told = [*world.taken[:4]]
    requests = requests_of(told, [np.setdiff1d(np.arange(len(world.catalog)), untaken)] * 4)
    inner = {"kind": "semantic_id", "epochs": 1, "length": 4, "width": 8}
    alone = fitted(inner, world).recommend(requests, 5)
    filled = fitted({"kind": "fallback", "inner": inner}, world).recommend(requests, 5)
    assert (alone.item_id == PAD).all()
    assert filled.item_id.tolist() == [untaken[:5].tolist()] * 4
    assert filled.diagnostics["filled"] == 20
    assert filled.diagnostics["short_lists"] == 0


def test_semantic_ids_survive_a_warm_refit_and_new_items_get_one():
    late = np.unique(WORLD.log.item_id)[:3]
    early = WORLD.log.take(~np.isin(WORLD.log.item_id, late))
    recommender = build("recommenders", {"kind": "semantic_id", "epochs": 1, "refit_epochs": 1, "width": 8})
    recommender.fit(early, WORLD.catalog, rng=np.random.default_rng(0))
    before = recommender.state()["codes"].copy()
    recommender.fit(WORLD.log, WORLD.catalog, rng=np.random.default_rng(1))
    after = recommender.state()["codes"]
    had = before[:, 0] >= 0
    assert recommender.state()["offered"].tolist() == [32] * after.shape[1]
    assert np.array_equal(before[had], after[had])
    assert not had[late].any()
    assert (after[late] >= 0).all()


def test_fitting_leaves_the_global_generators_alone():
    torch = pytest.importorskip("torch")
    before = torch.get_rng_state()
    fitted({"kind": "semantic_id", "epochs": 1, "width": 8})
    assert torch.equal(before, torch.get_rng_state())
