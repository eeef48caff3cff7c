"""User models of published studies: each does what its paper says, whoever else is in the batch."""

from dataclasses import replace

import numpy as np
import pytest

from agents.behaviors.attentive import Attentive
from agents.behaviors.audience import Audience
from agents.behaviors.awareness import DAY, Awareness
from agents.behaviors.base import Behavior
from agents.behaviors.positional import Positional
from agents.behaviors.reinforced import Reinforced
from agents.errors import InvalidInput
from agents.pages import take
from agents.pairs import Pairs
from agents.schema import PAD, USUAL, Action, Choices, Decisions, Pages
from tests.agents.worlds import pages, setting

PLAIN = Choices(examination=1.0, pi=0.0, eta=1.0)
KINDS = {
    "positional": Positional,
    "awareness": lambda: Awareness(central=0.9, reach=20.0),
    "reinforced": Reinforced,
    "audience": lambda: Audience(liked=0.4),
    "attentive": Attentive,
}


def prepared(behavior: Behavior, choices: Choices = PLAIN, **world: int) -> Behavior:
    behavior.prepare(setting(choices=choices, **world))
    return behavior


def shown(n: int = 200, **columns: object) -> Pages:
    batch = pages(setting(), n)
    return replace(batch, **({"watches": batch.exposures // 2} | columns))


def watched(decisions: Decisions) -> np.ndarray:
    return np.asarray(decisions.action == Action.WATCH)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_depend_neither_on_order_nor_on_the_batch(kind):
    behavior, batch = prepared(KINDS[kind]()), shown(130)
    whole = behavior.respond(batch)
    assert watched(whole).any()
    for rows in (np.random.default_rng(0).permutation(130), np.arange(7), np.array([129])):
        part = behavior.respond(take(batch, rows))
        for name in Decisions.__slots__:
            np.testing.assert_array_equal(getattr(part, name), getattr(take(whole, rows), name))


@pytest.mark.parametrize("kind", KINDS)
def test_what_users_cannot_do_they_do_not(kind):
    batch, behavior = shown(), KINDS[kind]()
    unable = prepared(behavior, replace(PLAIN, able=frozenset(USUAL) - {"watch"}))
    assert not watched(unable.respond(batch)).any()
    eager = prepared(behavior, replace(PLAIN, able=frozenset(USUAL) - {"skip"})).respond(batch).action
    assert Action.SKIP not in eager
    assert Action.WATCH in eager


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_done_with_nothing(kind):
    batch = shown(5)
    batch.item_id[:] = PAD
    assert (prepared(KINDS[kind]()).respond(batch).action == Action.UNSEEN).all()


@pytest.mark.parametrize("kind", ["positional", "awareness", "attentive"])
def test_one_item_a_page_is_taken(kind):
    assert (watched(prepared(KINDS[kind]()).respond(shown())).sum(axis=1) == 1).all()


def test_positions_are_taken_as_often_as_said():
    count = watched(prepared(Positional(decay=0.3)).respond(shown(20_000))).sum(axis=0)
    wanted = np.exp(-0.3 * np.arange(10))
    assert count / count.sum() == pytest.approx(wanted / wanted.sum(), abs=0.01)


def test_awareness_begins_near_the_center_and_stays():
    behavior = prepared(Awareness(recommended=0))
    batch = shown(600, exposures=np.zeros((600, 10), dtype=np.int64))
    read = behavior.respond(batch).action != Action.UNSEEN
    far = np.linalg.norm(behavior._items, axis=1)[batch.item_id]
    assert read[far < 0.3].mean() > 0.6
    assert read[far > 2].mean() < 0.1
    known = behavior.respond(replace(batch, exposures=np.ones_like(batch.exposures)))
    assert (known.action != Action.UNSEEN).all()


def test_what_is_recommended_becomes_known_and_salient_once_that_begins():
    early, late = (
        prepared(Awareness(salience=50.0, begins=2.0)).respond(shown(now=np.full(200, moment * DAY)))
        for moment in (1.9, 2.0)
    )
    assert watched(late)[:, 0].all()
    assert watched(early)[:, 0].mean() < 0.5


def test_interest_grows_with_clicks_and_shrinks_with_passes():
    never = np.zeros((2000, 10), dtype=np.int64)
    behavior, often = prepared(Reinforced(step=0.5)), never + 4
    rates = [
        watched(behavior.respond(shown(2000, exposures=exposures, watches=watches))).mean()
        for exposures, watches in ((often, never), (often, often // 2), (never, never), (often, often))
    ]
    assert rates[0] < rates[1] - 0.2
    assert rates[1] == pytest.approx(rates[2], abs=0.02)
    assert rates[3] > rates[2] + 0.2


def test_an_audience_clicks_all_it_likes_where_it_looks():
    behavior = prepared(Audience(liked=0.3, position_bias=0.0))
    batch = shown(3000)
    every = Pairs.of(batch, batch.item_id != PAD)
    liked = (behavior.appeal(every) > 0).reshape(batch.item_id.shape)
    np.testing.assert_array_equal(watched(behavior.respond(batch)), liked)
    biased = watched(prepared(Audience(liked=0.3)).respond(batch))
    looked = (biased & liked).sum(axis=0) / liked.sum(axis=0)
    assert looked == pytest.approx(1 / np.log2(np.arange(2, 12)), abs=0.04)
    assert not (biased & ~liked).any()


def test_the_share_liked_is_as_said_on_average():
    shares = []
    for seed in range(30):
        behavior = prepared(Audience(liked=0.2), seed=seed)
        every = Pairs.of(batch := shown(200), batch.item_id != PAD)
        shares.append((behavior.appeal(every) > 0).mean())
    assert np.mean(shares) == pytest.approx(0.2, abs=0.03)


def test_the_attentive_trade_utility_against_position():
    behavior, batch = prepared(Attentive(attention=0.8)), shown()
    worth = behavior._utility[batch.user_id[:, None], batch.item_id] * np.arange(1, 11) ** -0.8
    np.testing.assert_array_equal(watched(behavior.respond(batch)).argmax(axis=1), worth.argmax(axis=1))
    first = watched(prepared(Attentive(attention=50.0)).respond(batch))
    assert first[:, 0].all()


def test_likeness_makes_preferences_alike():
    spread = [prepared(Attentive(likeness=likeness))._utility.std(axis=0).mean() for likeness in (1.0, 1000.0)]
    assert spread[1] < 0.1 * spread[0]


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (Positional, {"decay": -1.0}),
        (Awareness, {"reach": 0.0}),
        (Awareness, {"central": 1.5}),
        (Reinforced, {"step": -0.1}),
        (Audience, {"liked": 1.0}),
        (Attentive, {"likeness": 0.0}),
    ],
)
def test_wrong_parameters_are_refused(kind, parameters):
    with pytest.raises(InvalidInput, match=next(iter(parameters))):
        kind(**parameters)
