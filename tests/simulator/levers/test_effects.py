"""Every lever on lists does what it says, the more the stronger, on an invented world with genres and a long tail."""

from functools import cache

import numpy as np
import pytest

from agents.schema import PAD, Floats, Ints
from analysis.metrics.lists import Lists
from analysis.metrics.popularity import aplt, arp
from analysis.metrics.strata import head_tail
from analysis.metrics.taste import miscalibration_kl
from analysis.metrics.variety import intra_list_diversity
from simulator.components import build
from simulator.data.synthetic import Synthetic
from simulator.levers import exposure_cap
from simulator.levers.base import levered
from simulator.levers.reranked import Reranked
from simulator.recommenders.base import Recommender, Requests, Slates, State
from simulator.recommenders.fallback import Fallback
from simulator.recommenders.popularity import Popularity
from simulator.recommenders.random import Random

WORLD = Synthetic(variant="small").load()
GENRES = WORLD.catalog.genre_matrix
COUNTS = WORLD.interactions.counts(len(WORLD.catalog))


@cache
def plain() -> Recommender:
    recommender = levered("item_knn")
    recommender.fit(WORLD.interactions, WORLD.catalog, rng=np.random.default_rng(0))
    return recommender


@cache
def asked() -> Requests:
    return exposure_cap.everybody(WORLD.interactions, np.random.default_rng(3))


def shown(kind: str, strength: float, **more: object) -> Slates:
    """The slates of the recommender, fitted before, as the lever changes them."""
    lever = build("levers", {"kind": kind, "strength": strength, **more})
    if not strength:
        return plain().recommend(asked(), 10)
    changed = Reranked(plain(), lever)
    changed._known = lever.learn(plain(), WORLD.interactions, WORLD.catalog, np.random.default_rng(1))
    return changed.recommend(asked(), 10)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users of the log that stand for all in exposure caps."""
    monkeypatch.setattr(exposure_cap, "USERS", 300)


def profiles() -> Lists:
    return Lists(asked().row().astype(np.int32), asked().history, len(asked()))


def shares(items: Ints) -> Floats:
    return np.bincount(items[items != PAD], minlength=len(WORLD.catalog)) / len(items)


def at(kind: str, strengths: tuple[float, ...], figure, **more: object) -> Floats:
    return np.array([figure(shown(kind, strength, **more).item_id) for strength in strengths])


def covered(genres: Floats) -> Floats:
    """The mean share of the genres of the histories that slates of these genres reach."""
    wished = profiles().totals(GENRES) > 0
    return ((genres > 0) & wished).sum() / wished.sum()


FIGURES = {
    "arp": lambda items: float(arp(Lists.of_matrix(items), COUNTS)),
    "aplt": lambda items: float(aplt(Lists.of_matrix(items), head_tail(COUNTS))),
    "ild": lambda items: float(intra_list_diversity(Lists.of_matrix(items), GENRES)),
    "kl": lambda items: float(miscalibration_kl(Lists.of_matrix(items), profiles(), GENRES)),
    "coverage": lambda items: len(np.unique(items)),
    "largest": lambda items: shares(items).max(),
    "wished": lambda items: covered(Lists.of_matrix(items).totals(GENRES)),
    "alike": lambda items: float((items == plain().recommend(asked(), 10).item_id).mean()),
}


@pytest.mark.parametrize(
    ("kind", "strengths", "figure", "sign", "more"),
    [
        ("mmr", (0, 0.2, 0.5, 0.9), "ild", 1, {}),
        ("calibrated", (0, 0.2, 0.5, 0.9), "kl", -1, {}),
        ("xquad", (0, 0.5, 0.8, 0.95), "aplt", 1, {"pool": 400}),
        ("xquad", (0, 0.2, 0.5, 0.9), "wished", 1, {"aspects": "genres"}),
        ("logit_adjustment", (0, 0.05, 0.1, 0.3), "arp", -1, {}),
        ("tail_boost", (0, 0.4, 0.6, 0.8), "aplt", 1, {"pool": 400}),
        ("temperature", (0, 0.05, 0.2, 1), "alike", -1, {}),
        ("exploration", (0, 0.1, 0.3, 1), "coverage", 1, {}),
        ("exploration", (0, 0.1, 0.3, 1), "alike", -1, {}),
        ("exposure_cap", (0, 0.6, 0.75, 0.85), "largest", -1, {"pool": 50}),
    ],
)
def test_more_of_it_does_more(kind, strengths, figure, sign, more):
    values = at(kind, strengths, FIGURES[figure], **more)
    assert (sign * np.diff(values) > 0).all(), values


def test_calibrated_slates_come_close_to_the_history():
    before, after = at("calibrated", (0, 1), FIGURES["kl"])
    assert after < before / 3


def test_the_cap_is_met_where_it_was_learned():
    users = exposure_cap.everybody(WORLD.interactions, np.random.default_rng(1))
    pools, n = plain().recommend(users, 200).item_id, len(WORLD.catalog)
    before = exposure_cap.expected(pools, np.ones(n), 10) / len(users)
    keep, after = exposure_cap.kept(pools, n, 0.05, 10)
    np.testing.assert_allclose(before, shares(pools[:, :10]), atol=1e-12)
    assert before.max() > 0.2, "there was nothing to cap"
    assert after.max() / len(users) < 0.0501
    assert (keep[after < 0.04 * len(users)] == 1).all(), "only what is capped is withheld"


def test_a_cap_that_pools_cannot_meet_is_widened():
    narrow, wide = (shares(shown("exposure_cap", 0.97, pool=pool).item_id).max() for pool in (15, 60))
    assert 0.03 < wide < narrow < FIGURES["largest"](plain().recommend(asked(), 10).item_id)


def test_full_exploration_is_uniform_whatever_the_recommender():
    items = shown("exploration", 1.0).item_id
    twice = np.bincount(items.ravel(), minlength=len(WORLD.catalog))
    allowed = len(asked()) - np.bincount(asked().history, minlength=len(WORLD.catalog))
    wanted = 10 * len(asked()) * allowed / allowed.sum()
    z = (twice - wanted) / np.sqrt(wanted)
    assert abs(z.mean()) < 0.1
    assert 0.8 < z.std() < 1.2


class Silent(Random):
    """Offers items without scores."""

    def recommend(self, requests: Requests, k: int) -> Slates:
        slates = super().recommend(requests, k)
        nothing = np.full_like(slates.score, np.nan)
        return Slates(slates.item_id, nothing, nothing)

    def state(self) -> State:
        return super().state()


@pytest.mark.parametrize("kind", ["mmr", "xquad", "calibrated", "logit_adjustment", "exposure_cap"])
def test_items_without_scores_count_by_place(kind):
    silent = Silent()
    silent.fit(WORLD.interactions, WORLD.catalog, rng=np.random.default_rng(0))
    changed = build("levers", {"kind": kind, "strength": 1e-9, "pool": 50}).wrap(silent)
    changed.fit(WORLD.interactions, WORLD.catalog, rng=np.random.default_rng(0))
    assert np.array_equal(changed.recommend(asked(), 10).item_id, silent.recommend(asked(), 10).item_id)


def test_a_filled_list_can_be_reranked():
    levers = [{"kind": "mmr", "strength": 0.5}]
    filled = levered({"kind": "fallback", "inner": "semantic_id", "levers": levers})
    assert isinstance(filled, Reranked)
    assert isinstance(filled.inner, Fallback)
    assert isinstance(filled.inner.filler, Popularity)
