import pytest

from agents.population import Population
from agents.schema import Action, Observation
from tests.agents.worlds import setting

WORLD = setting()


def page(now: float) -> Observation:
    return Observation(0, now, 1, 1, 0, WORLD.items[:3], (1.0, 2.0, 3.0), (0, 0, 0), 0.0, 0.5)


def test_users_become_agents_when_asked_for_and_are_known_by_their_own_ids() -> None:
    population = Population(WORLD)
    assert len(population.agents) == 0
    assert population.user(3).user_id == 3
    assert population.user(3) is population.user(3)
    assert population.user(3).persona == WORLD.personas[3]
    assert len(population.agents) == 1


def test_a_user_recalls_what_it_read() -> None:
    user = Population(WORLD).user(0)
    user.remember(page(60.0), [Action.WATCH, Action.SKIP, Action.UNSEEN], [5.0, float("nan"), float("nan")])
    assert "watched Title 0, rated 5" in user.recall(page(90.0))
    assert "Title 2" not in user.recall(page(90.0))


def test_users_draw_by_key_only() -> None:
    population = Population(WORLD)
    with pytest.raises(AttributeError, match="by key"):
        _ = population.user(0).random
    assert population.user(0).rng.uniform("x", 1) == population.user(5).rng.uniform("x", 1)
