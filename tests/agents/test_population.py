import numpy as np
import pytest

from agents.behaviors.uniform import Uniform
from agents.pages import single, stack
from agents.population import Population
from agents.schema import Action, DecidedBy, Decision, ExitReason
from tests.agents.worlds import setting

WORLD = setting()


def population() -> Population:
    behavior = Uniform(0.5)
    behavior.prepare(WORLD)
    return Population(WORLD.personas, [behavior] * len(WORLD.personas), WORLD)


def test_users_are_known_by_their_own_ids() -> None:
    first, second = population(), population()
    assert [user.user_id for user in first.users] == list(range(12))
    assert first.user(3) is first.users[3]
    assert len(first.agents) == len(second.agents) == 12


def test_visits_are_keyed_by_user_and_count() -> None:
    user, twin = population().user(4), population().user(4)
    moment = user.next_visit(0.0)
    assert moment == user.next_visit(0.0) == twin.next_visit(0.0)
    assert moment > 0
    assert (moment * 1024).is_integer()
    user.begin_session(moment)
    assert user.visits == 1
    assert user.next_visit(moment) != moment


def test_experience_changes_what_the_next_page_finds() -> None:
    user = population().user(0)
    shown = WORLD.items[:3]
    page = user.observe(60.0, 1, 1, shown, (1.0, 2.0, 3.0))
    user.experience(
        page,
        Decision(
            (Action.WATCH, Action.SKIP, Action.UNSEEN),
            (5.0, np.nan, np.nan),
            (20.0, 0.125, 0.0),
            ExitReason.STAYED,
            DecidedBy.RULE,
        ),
    )
    again = user.observe(90.0, 1, 2, shown, (1.0, 2.0, 3.0))
    assert again.exposures == (1, 1, 0)
    assert again.decision == 1
    assert again.fatigue > page.fatigue
    assert again.satisfaction > page.satisfaction
    assert "watched Title 0, rated 5" in user.recall(again)
    assert "Title 2" not in user.recall(again)
    user.begin_session(90.0 + 2880.0)
    assert user.fatigue < again.fatigue


def test_users_draw_by_key_only() -> None:
    user = population().user(0)
    with pytest.raises(AttributeError, match="by key"):
        _ = user.random
    assert user.rng.uniform("x", 1) == population().user(5).rng.uniform("x", 1)


def test_one_page_is_the_same_alone_and_in_a_batch() -> None:
    users = population().users
    seen = [u.observe(9.0, 1, 1, WORLD.items[k : k + 10 - k % 3], (1.0,) * (10 - k % 3)) for k, u in enumerate(users)]
    behavior = users[0].behavior
    batch = behavior.respond(stack(seen))
    for row, page in enumerate(seen):
        alone = single(behavior.respond(stack([page])), 0, len(page.items))
        assert repr(single(batch, row, len(page.items))) == repr(alone)
        assert len(alone.actions) == len(page.items)
