"""Users whose scores come from how a model reads titles."""

import numpy as np
import pytest

from agents.asking import likeness
from agents.asking.likeness import Reading
from agents.asking.text import spoken
from agents.behaviors.llm import Llm
from agents.errors import InvalidInput, MissingResource
from agents.llm.base import Answer, Prompt
from agents.schema import DecidedBy
from tests.agents.behaviors.test_llm_behavior import WORLD, calibrated, decided, hold, page, scripted


def read(behavior: Llm, reply=scripted) -> list[Prompt]:
    held = [hold(conversation, reply) for conversation in behavior.reading()]
    behavior.read([outcome for outcome, _ in held])
    return [prompt for _, asked in held for prompt in asked]


def made(world=WORLD, **given) -> Llm:
    behavior = Llm(model="m", decide="likeness", **given)
    behavior.settle(frozenset(("embedding",)))
    behavior.prepare(world)
    return behavior


def knowing(prompt: Prompt) -> Answer:
    """A model to which titles are alike that the same users take: one axis a user, and a large one all share."""
    taken = [set(persona.history) for persona in WORLD.personas]
    numbers = [int(text.split("Title ")[1].split(" ")[0]) for text in prompt.continuations]
    vectors = tuple((50.0, *(float(number in those) for those in taken)) for number in numbers)
    return Answer("ok", vectors=vectors, lengths=(1,) * len(vectors), call_id="c")


def test_every_title_is_read_once_before_time_starts_and_decisions_rest_on_that():
    behavior = made()
    asked = read(behavior)
    assert [text for prompt in asked for text in prompt.continuations] == [spoken(item) for item in WORLD.items]
    calibrated(behavior, scripted)
    decision, questions = decided(behavior, page(), "", scripted)
    assert [prompt.address("m") for prompt in questions] == [asked[0].address("m")]
    assert (decision.decided_by, decision.notes) == (DecidedBy.LLM, ("ok",))


def test_what_the_model_makes_of_titles_is_weighed_by_real_choices():
    telling, silent = made(calibration_slates=40), made(calibration_slates=40)
    for behavior, reply in ((telling, knowing), (silent, scripted)):
        read(behavior, reply)
        calibrated(behavior, reply)
    told, noise = telling.assumptions(), silent.assumptions()
    assert told["score_weight"] > 2 * told["score_weight_error"]
    assert noise["score_weight"] < told["score_weight"] / 2
    assert told["decide"] == "likeness"


def test_an_item_is_not_like_itself():
    reading = Reading.of(np.random.default_rng(0).normal(size=(9, 5)))
    history = np.array([1, 4, 7])
    alone, among = reading.likeness(np.array([4, 7]), np.array([1])), reading.likeness(history, np.array([1]))
    assert among == alone
    assert reading.likeness(np.array([3]), np.array([3])) == 0.0


def test_directions_that_all_titles_share_count_for_nothing():
    states = np.random.default_rng(1).normal(size=(40, 6))
    shifted = states + np.array([1000.0, 0, 0, 0, 0, 0])
    stretched = states * np.array([30.0, 1, 1, 1, 1, 1])
    some, others = np.arange(5), np.arange(5, 40)
    plain = Reading.of(states).likeness(some, others)
    for changed in (shifted, stretched):
        assert np.allclose(Reading.of(changed).likeness(some, others), plain, atol=2e-3)


def test_likeness_does_not_depend_on_the_batch():
    reading = Reading.of(np.random.default_rng(2).normal(size=(300, 80)))
    history, items = np.arange(40), np.arange(40, 300)
    together = reading.likeness(history, items)
    assert [float(reading.likeness(history, items[n : n + 1])[0]) for n in range(260)] == together.tolist()


@pytest.mark.parametrize(
    "answer",
    [
        Answer("failed", error="down"),
        Answer("ok"),
        Answer("ok", vectors=((1.0,),) * 3),
        Answer("ok", vectors=((np.nan,),) * 16),
    ],
)
def test_a_catalog_that_cannot_be_read_ends_the_run_before_it_starts(answer: Answer):
    with pytest.raises(MissingResource, match="could not read titles"):
        hold(likeness.read(WORLD.items, 0), lambda _: answer)


def test_auto_prefers_likeness_where_nothing_can_be_said():
    behavior = Llm(model="m")
    behavior.settle(frozenset(("likelihood", "labels", "embedding")))
    assert behavior._way == "likeness"
    with pytest.raises(InvalidInput, match="decide: likeness"):
        Llm(model="m", decide="likeness").settle(frozenset(("structured",)))
