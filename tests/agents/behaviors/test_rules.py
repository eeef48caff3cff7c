"""What each rule is for."""

import numpy as np
import pytest

from agents.behaviors.affinity import Affinity
from agents.behaviors.cascade import Cascade
from agents.behaviors.mixed import Mixed
from agents.behaviors.uniform import Uniform
from agents.errors import InvalidInput
from agents.schema import Action, Choices
from tests.agents.worlds import pages, setting

WORLD = setting(choices=Choices(pi=0.0, eta=1.0))


@pytest.mark.parametrize("probability", [0.1, 0.4])
def test_uniform_watches_what_it_reads_at_its_rate(probability: float) -> None:
    behavior = Uniform(probability)
    behavior.prepare(WORLD)
    action = behavior.respond(pages(WORLD, 4000)).action
    rate = (action == Action.WATCH).sum() / (action != Action.UNSEEN).sum()
    assert abs(rate - probability) < 4 * np.sqrt(probability * (1 - probability) / (action != Action.UNSEEN).sum())


def test_reading_reaches_each_position_as_declared() -> None:
    behavior = Uniform()
    behavior.prepare(WORLD)
    reached = (behavior.respond(pages(WORLD, 6000)).action != Action.UNSEEN).mean(axis=0)
    np.testing.assert_allclose(reached, 0.85 ** np.arange(10), atol=0.025)


def test_cascade_stops_at_its_first_watch() -> None:
    behavior = Cascade(0.3)
    behavior.prepare(WORLD)
    action = behavior.respond(pages(WORLD, 1000)).action
    assert (action == Action.WATCH).sum(axis=1).max() == 1
    for row in action[(action == Action.WATCH).any(axis=1)]:
        assert np.all(row[int(np.argmax(row == Action.WATCH)) + 1 :] == Action.UNSEEN)


@pytest.mark.parametrize("kind", [Affinity, Cascade])
def test_taste_decides(kind: type) -> None:
    behavior = kind()
    behavior.prepare(WORLD)
    batch = pages(WORLD, 6000)
    action = behavior.respond(batch).action
    best = [max(p.tastes, key=lambda g: p.tastes[g]) for p in WORLD.personas]
    rows = zip(batch.user_id, batch.item_id, strict=True)
    suits = np.array([[best[user] in WORLD.items[i].genres for i in row] for user, row in rows])
    read = action != Action.UNSEEN
    watched = action == Action.WATCH
    assert watched[read & suits].mean() > 1.5 * watched[read & ~suits].mean()


def test_pi_one_makes_repeated_pages_repeat_decisions() -> None:
    fixed = Uniform(0.3)
    fixed.prepare(setting(choices=Choices(pi=1.0, eta=1.0, examination=1.0)))
    free = Uniform(0.3)
    free.prepare(setting(choices=Choices(pi=0.0, eta=1.0, examination=1.0)))
    batch = pages(WORLD, 300)
    again = type(batch)(*(getattr(batch, n) if n != "decision" else batch.decision + 1000 for n in batch.__slots__))
    assert np.array_equal(fixed.respond(batch).action, fixed.respond(again).action)
    assert 0.3 < (free.respond(batch).action != free.respond(again).action).mean() < 0.55


def test_leaving_follows_patience_activity_and_mood() -> None:
    rates = {}
    for patience in (1.0, 3.0, 9.0):
        behavior = Uniform()
        behavior.prepare(setting(choices=Choices(patience=patience)))
        rates[patience] = (behavior.respond(pages(WORLD, 3000)).exit_reason == 0).mean()
    assert rates[1.0] < rates[3.0] < rates[9.0]


def test_mixed_gives_users_their_behavior_for_good() -> None:
    mixed = Mixed((Uniform(1.0, share=3.0), Mixed((Uniform(0.0), Cascade(share=1.0)), share=1.0)))
    mixed.prepare(setting(choices=Choices(eta=1.0)))
    assert [round(share, 3) for _, share in mixed.shares()] == [3.0, 0.5, 0.5]
    who = mixed.assign(WORLD.draws, np.arange(40000))
    np.testing.assert_allclose(np.bincount(who) / 40000, [0.75, 0.125, 0.125], atol=0.01)
    assert np.array_equal(who[:7], mixed.assign(WORLD.draws, np.arange(7)))
    batch = pages(WORLD, 200)
    watched = (mixed.respond(batch).action == Action.WATCH).any(axis=1)
    assert np.all(watched[who[batch.user_id] == 0])
    assert not np.any(watched[who[batch.user_id] == 1])


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: Uniform(1.5), "probability"),
        (lambda: Cascade(-0.1), "attraction"),
        (lambda: Affinity(float("nan")), "strength"),
        (lambda: Mixed(()), "members"),
        (lambda: Uniform(share=0.0), "share"),
    ],
)
def test_bad_parameters_are_named(make, key: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidInput, match=key):
        make()
