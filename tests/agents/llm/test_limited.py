import asyncio
import time
from dataclasses import dataclass, field

import pytest

from agents.llm.base import Answer, Kind, LanguageModel, Message, Prompt, Unavailable
from agents.llm.slots import Slots
from agents.llm.wrappers.limited import Limited

PROMPT = Prompt("text", "chat", (Message("user", "hello"),))


@dataclass
class Flaky(LanguageModel):
    """Raise what it is given, then answer."""

    fingerprint = "flaky"
    kinds = frozenset[Kind](("text",))
    failures: list[Unavailable] = field(default_factory=list)
    asked: int = 0

    async def ask(self, prompt: Prompt) -> Answer:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        return Answer(status="ok", text="hi")


def test_a_retryable_failure_is_tried_again() -> None:
    answer = asyncio.run(Limited(Flaky([Unavailable("HTTP 500")] * 2), backoff_s=0.001).ask(PROMPT))
    assert (answer.status, answer.text, answer.attempts) == ("ok", "hi", 3)


def test_exhausted_tries_are_a_failed_answer() -> None:
    model = Flaky([Unavailable("HTTP 500")] * 9)
    answer = asyncio.run(Limited(model, attempts=3, backoff_s=0.001).ask(PROMPT))
    assert (answer.status, answer.error, answer.attempts, model.asked) == ("failed", "HTTP 500", 3, 3)


def test_being_told_to_wait_costs_patience_and_no_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = [Unavailable("HTTP 429", retry_after=0.001, throttled=True)] * 20
    model = Flaky([*busy, Unavailable("HTTP 500"), *busy])
    answer = asyncio.run(Limited(model, attempts=2, backoff_s=0.001).ask(PROMPT))
    assert (answer.status, answer.attempts) == ("ok", 42)
    monkeypatch.setattr("agents.llm.wrappers.limited._PATIENCE_S", 0.005)
    answer = asyncio.run(Limited(Flaky(busy), attempts=2).ask(PROMPT))
    assert (answer.status, answer.attempts) == ("failed", 6)


def test_what_a_retry_cannot_change_is_not_retried() -> None:
    model = Flaky([Unavailable("HTTP 422", retryable=False)])
    assert asyncio.run(Limited(model).ask(PROMPT)).status == "failed"
    assert model.asked == 1


def test_the_endpoint_says_when_to_come_back() -> None:
    started = time.monotonic()
    asyncio.run(Limited(Flaky([Unavailable("HTTP 429", retry_after=0.2, throttled=True)])).ask(PROMPT))
    assert time.monotonic() - started >= 0.2


def test_the_slot_is_free_while_waiting() -> None:
    async def race() -> list[str]:
        order: list[str] = []
        model = Limited(Flaky([Unavailable("HTTP 503", retry_after=0.2)]), concurrency=1)

        async def one(name: str) -> None:
            await model.ask(PROMPT)
            order.append(name)

        await asyncio.gather(one("first"), one("second"))
        return order

    assert asyncio.run(race()) == ["second", "first"]


def test_slots_start_slowly_and_are_cut_once_an_episode() -> None:
    slots = Slots(64)
    assert slots.limit == 4
    for _ in range(200):
        slots.grow()
    assert slots.limit == 64
    now = time.monotonic()
    slots.cut(now)
    slots.cut(now)
    slots.cut(time.monotonic())
    assert slots.limit == pytest.approx(51.2)
    for _ in range(10):
        slots.grow()
    assert slots.limit == pytest.approx(61.2), "back to 0.95 of what was too much, one by one"
    slots.grow()
    assert slots.limit == pytest.approx(61.2 + 1 / 61.2)


def test_a_cancelled_wait_gives_its_turn_away() -> None:
    async def scenario() -> tuple[int, int]:
        slots, served = Slots(1), 0

        async def hold() -> None:
            nonlocal served
            await slots.take()
            try:
                await asyncio.sleep(0.01)
                served += 1
            finally:
                slots.release()

        tasks = [asyncio.create_task(hold()) for _ in range(4)]
        await asyncio.sleep(0.005)
        tasks[1].cancel()
        tasks[0].add_done_callback(lambda _: tasks[2].cancel())
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 1)
        return slots.in_flight, served

    assert asyncio.run(scenario()) == (0, 2)


def test_the_earliest_moment_goes_first() -> None:
    async def scenario() -> list[float]:
        slots, order = Slots(1), []

        async def one(now: float) -> None:
            await slots.take(now)
            order.append(now)
            await asyncio.sleep(0)
            slots.release()

        await asyncio.gather(*(one(now) for now in (5.0, 9.0, 2.0, 7.0, 2.0)))
        return order

    assert asyncio.run(scenario()) == [5.0, 2.0, 2.0, 7.0, 9.0]
