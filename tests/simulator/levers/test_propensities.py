"""What levers that draw write down as chances are the chances, counted over many seeds of one request."""

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import permutations

import numpy as np
import pytest

from agents.schema import PAD, Floats
from simulator.components import build
from simulator.recommenders.base import Recommender, Requests, Scorer, State
from simulator.recommenders.planted import Planted, requests_of
from simulator.seeds import Streams

WORLD = Planted.shuffled(users=240, length=12)
TIMES = 10_000


@dataclass
class Fixed(Scorer):
    """Scores items by how far down they stand in a list of a few; shows no others."""

    scores: tuple[float, ...] = (9.0, 7.0, 6.5, 5.0, 2.0, 0.0)
    _n: int = field(init=False, default=0)

    def fit(self, log, catalog, *, rng, progress=None):
        self._n = len(catalog)

    def score(self, requests: Requests) -> Floats:
        return np.tile(np.array(self.scores), (len(requests), 1))

    def state(self) -> State:
        return {}

    def load_state(self, state: State) -> None:
        pass


def many(barred: tuple[int, ...] = ()) -> Requests:
    """One request, a few items barred, with many seeds."""
    one = requests_of([np.array([2, 3])], [np.array(barred, dtype=np.int64)])
    return replace(one.take(np.zeros(TIMES, dtype=np.int64)), seed=Streams(9).words("many", np.arange(TIMES)))


def fitted(*levers: dict, n: int = 6) -> Recommender:
    recommender: Recommender = Fixed()
    for lever in levers:
        recommender = build("levers", lever).wrap(recommender)
    catalog = replace(WORLD.catalog, items=WORLD.catalog.items[:n], names=WORLD.catalog.names[:n])
    recommender.fit(WORLD.log.take(WORLD.log.item_id < n), catalog, rng=np.random.default_rng(0))
    return recommender


def assert_chance(count: int, of: int, chance: float) -> None:
    assert abs(count - of * chance) < 5 * np.sqrt(of * chance * (1 - chance)) + 1e-6, (count / of, chance)


def test_chances_of_whole_slates_are_those_of_their_steps():
    """Temperature: a slate's frequency is the product of what is logged; all slates together have chance 1."""
    slates = fitted({"kind": "temperature", "strength": 0.3}).recommend(many(barred=(1,)), 3)
    chance = {
        tuple(row): np.exp(p.sum()) for row, p in zip(slates.item_id.tolist(), slates.log_propensity, strict=True)
    }
    for slate, count in Counter(map(tuple, slates.item_id.tolist())).items():
        assert_chance(count, TIMES, chance[slate])
    possible = set(permutations([0, 2, 3, 4, 5], 3))
    assert set(chance) <= possible
    assert 0.95 < sum(chance.values()) <= 1 + 1e-9


def test_chances_of_capped_slates_are_those_of_their_steps():
    """The same where items are withheld by chance, down to slates that need what was withheld."""
    capped = fitted({"kind": "exposure_cap", "strength": 0.55, "slate": 3, "pool": 7})
    capped._known["keep"] = np.array([0.5, 1.0, 0.2, 0.7, 0.3, 0.6])
    for k, barred in ((2, ()), (3, (1,)), (5, (1,))):
        slates = capped.recommend(many(barred), k)
        shown = [*map(tuple, slates.item_id.tolist())]
        chance = dict(zip(shown, np.exp(slates.log_propensity.sum(axis=1)).tolist(), strict=True))
        for slate, count in Counter(shown).items():
            assert_chance(count, TIMES, chance[slate])
        assert sum(chance.values()) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("strength", [0.25, 0.8, 1.0])
@pytest.mark.parametrize("barred", [(), (1, 4)])
def test_explorations_chances_are_those_of_items_at_positions(strength, barred):
    """Exploration: the chance logged is that of the item at that position; each position's sum to 1, in all to k."""
    k = 3
    slates = fitted({"kind": "exploration", "strength": strength}).recommend(many(barred), k)
    assert all(len(set(row)) == k for row in slates.item_id.tolist())
    assert not np.isin(slates.item_id, barred).any()
    total = 0.0
    for position in range(k):
        items, place, count = np.unique(slates.item_id[:, position], return_index=True, return_counts=True)
        chance = np.exp(slates.log_propensity[place, position])
        logged = np.exp(slates.log_propensity[:, position])
        assert np.array_equal(logged, chance[np.searchsorted(items, slates.item_id[:, position])])
        for n, p in zip(count.tolist(), chance.tolist(), strict=True):
            assert_chance(n, TIMES, p)
        assert len(items) == 6 - len(barred)
        total += chance.sum()
    assert total == pytest.approx(k, abs=1e-12)


def test_explored_short_slates_stay_short():
    slates = fitted({"kind": "exploration", "strength": 0.7}).recommend(many((0, 1, 2, 3)), 4)
    assert (np.sort(slates.item_id, axis=1) == [PAD, PAD, 4, 5]).all()
    assert (slates.item_id[:, 2:] == PAD).all()
    assert np.isnan(slates.log_propensity[:, 2:]).all()
    swapped = slates.item_id[:, 0] == 5
    assert_chance(int(swapped.sum()), TIMES, float(np.exp(slates.log_propensity[swapped][0, 0])))


def test_two_draws_have_no_known_chance():
    draw, order = {"kind": "temperature", "strength": 0.3}, {"kind": "mmr", "strength": 0.3}
    explore, few = {"kind": "exploration", "strength": 0.3}, many().part(0, 20)
    assert np.isfinite(fitted(order, draw).recommend(few, 3).log_propensity).all()
    assert np.isnan(fitted(draw, order).recommend(few, 3).log_propensity).all()
    assert np.isnan(fitted(draw, explore).recommend(few, 3).log_propensity).all()
