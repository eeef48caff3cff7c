import numpy as np
import pytest

from agents.population import Population
from agents.schema import Action, Decisions, Pages
from tests.agents.worlds import setting

WORLD = setting()


def page(now: float) -> Pages:
    none, one = np.zeros((1, 3)), np.ones(1, dtype=np.int64)
    slate = np.array([[0, 1, 2]])
    return Pages(3 * one, np.array([now]), one, one, slate, none, none.astype(int), none[0, :1], none[0, :1])


def test_users_become_agents_when_asked_for_and_are_known_by_their_own_ids() -> None:
    population = Population(WORLD)
    assert len(population.agents) == 0
    assert population.user(3).user_id == 3
    assert population.user(3) is population.user(3)
    assert population.user(3).persona == WORLD.personas[3]
    assert len(population.agents) == 1


def test_a_user_recalls_what_it_read_and_is_an_agent_from_then_on() -> None:
    population = Population(WORLD)
    assert population.recall(page(30.0)) == [""]
    action = np.array([[Action.WATCH, Action.SKIP, Action.UNSEEN]], dtype=np.int8)
    end = np.zeros(1, dtype=np.int8)
    population.remember(page(60.0), Decisions(action, np.array([[5.0, np.nan, np.nan]]), np.zeros((1, 3)), end, end))
    (told,) = population.recall(page(90.0))
    assert "watched Title 0, rated 5" in told
    assert "Title 2" not in told
    assert [agent.user_id for agent in population.agents] == [3]
    assert population.user(3).memory == told.splitlines()


def test_users_draw_by_key_only() -> None:
    population = Population(WORLD)
    with pytest.raises(AttributeError, match="by key"):
        _ = population.user(0).random
    assert population.user(0).rng.uniform("x", 1) == population.user(5).rng.uniform("x", 1)
