from dataclasses import dataclass

from simulator.levers.base import Lever
from simulator.recommenders.base import Recommender
from simulator.recommenders.fallback import Fallback
from simulator.recommenders.popularity import Popularity


@dataclass
class Filled(Lever):
    strength: float

    def changed(self, recommender: Recommender) -> Recommender:
        return Fallback(recommender, Popularity())


def test_strength_zero_is_the_recommender_itself():
    recommender = Popularity()
    assert Filled(0).wrap(recommender) is recommender


def test_levers_compose():
    recommender = Popularity()
    outer = Filled(1).wrap(Filled(0.5).wrap(recommender))
    assert outer.inner.inner is recommender
