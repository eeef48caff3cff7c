import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agents.errors import InvalidInput, MissingResource
from agents.llm.base import Answer, Kind, LanguageModel, Message, Prompt
from agents.llm.dispatcher import Dispatcher
from agents.llm.journal import Journal
from agents.llm.scripted import Scripted
from agents.llm.stack import assemble


def question(i: int) -> Prompt:
    return Prompt("text", "chat", (Message("user", f"question {i}"),), user_id=i)


def drain(dispatcher: Dispatcher, questions: dict[int, Prompt]) -> dict[int, Answer]:
    for ticket, prompt in questions.items():
        dispatcher.submit(ticket, "local", prompt)
    answers: dict[int, Answer] = {}
    while len(answers) < len(questions):
        answers.update(dispatcher.completed(block=True))
    return answers


@contextmanager
def opened(
    model: LanguageModel, path: Path, *, concurrency: int = 64, replay: bool = False
) -> Iterator[tuple[Dispatcher, LanguageModel]]:
    """Open a model as a run does, behind a journal."""
    with Journal(path, read_only=replay) as journal:
        stacked = assemble(model, journal, concurrency=concurrency, replay=replay)
        with Dispatcher({"local": stacked}) as dispatcher:
            yield dispatcher, stacked


@dataclass
class Watched(LanguageModel):
    """Count what is asked of it."""

    fingerprint = "watched"
    kinds = frozenset[Kind](("text",))
    asked: list[str] = field(default_factory=list)
    together: int = 0
    most: int = 0
    closed: bool = False

    async def ask(self, prompt: Prompt) -> Answer:
        self.asked.append(prompt.messages[0].text)
        self.together += 1
        self.most = max(self.most, self.together)
        await asyncio.sleep(0.005)
        self.together -= 1
        return Answer(status="ok", text=prompt.messages[0].text)

    async def close(self) -> None:
        self.closed = True


def test_every_ticket_comes_back_with_its_own_answer() -> None:
    with Dispatcher({"local": Watched()}) as dispatcher:
        answers = drain(dispatcher, {i: question(i) for i in range(100)})
        assert {ticket: answer.text for ticket, answer in answers.items()} == {i: f"question {i}" for i in range(100)}
        assert dispatcher.under_way == 0
        assert dispatcher.completed(block=True) == []
        assert dispatcher.stats()["local"].calls == 100


@pytest.mark.parametrize("concurrency", [1, 7])
def test_the_stack_never_exceeds_its_concurrency(tmp_path: Path, concurrency: int) -> None:
    model = Watched()
    with opened(model, tmp_path / "j", concurrency=concurrency) as (dispatcher, _):
        drain(dispatcher, {i: question(i) for i in range(40)})
    assert model.most == concurrency
    assert model.closed


def test_answers_do_not_depend_on_concurrency_or_latency(tmp_path: Path) -> None:
    texts = []
    for name, concurrency, latency in (("a", 1, 0.0), ("b", 64, 0.01)):
        with opened(Scripted(latency_s=latency), tmp_path / name, concurrency=concurrency) as (dispatcher, _):
            texts.append(
                {i: answer.text for i, answer in drain(dispatcher, {i: question(i) for i in range(30)}).items()}
            )
    assert texts[0] == texts[1]


def test_identical_questions_are_asked_once_and_again_never(tmp_path: Path) -> None:
    for round_number in range(2):
        model = Watched()
        with opened(model, tmp_path / "j") as (dispatcher, _):
            answers = drain(dispatcher, {i: question(i % 3) for i in range(9)})
            assert sum(answer.cached for answer in answers.values()) == (6 if round_number == 0 else 9)
        assert len(model.asked) == (3 if round_number == 0 else 0)


def test_replay_answers_from_the_journal_alone(tmp_path: Path) -> None:
    with opened(Scripted(), tmp_path / "j") as (dispatcher, _):
        told = dispatcher.ask("local", question(1))
    model = Scripted(latency_s=100.0)
    with opened(model, tmp_path / "j", replay=True) as (dispatcher, _):
        assert dispatcher.ask("local", question(1)).text == told.text
        dispatcher.submit(0, "local", question(2))
        with pytest.raises(InvalidInput, match="no answer to a 'chat' question"):
            dispatcher.completed(block=True)


def test_what_a_model_supports_is_replayed_without_opening_it(tmp_path: Path) -> None:
    with opened(Watched(), tmp_path / "j") as (_, recorded):
        assert recorded.kinds == {"text"}

    class Changed(Watched):
        kinds = frozenset[Kind](("labels",))

        async def open(self) -> None:
            raise AssertionError("a replay must not open the model")

    with opened(Changed(), tmp_path / "j", replay=True) as (_, replayed):
        assert replayed.kinds == {"text"}


class Missing(Watched):
    async def open(self) -> None:
        raise MissingResource("no weights")


def test_a_model_that_does_not_open_says_so_on_entry_and_everything_closes() -> None:
    other = Watched()
    with pytest.raises(MissingResource, match="no weights"), Dispatcher({"local": other, "missing": Missing()}):
        pytest.fail("entered")
    assert other.closed


def test_an_exception_reaches_the_caller_of_completed_and_ask() -> None:
    class Broken(Watched):
        async def ask(self, prompt: Prompt) -> Answer:
            raise MissingResource("key refused")

    with Dispatcher({"local": Broken()}) as dispatcher:
        dispatcher.submit(0, "local", question(0))
        for _ in range(2):
            with pytest.raises(MissingResource, match="key refused"):
                dispatcher.completed(block=True)
        with pytest.raises(MissingResource, match="key refused"):
            dispatcher.ask("local", question(1))


def test_leaving_cancels_what_is_in_flight() -> None:
    with Dispatcher({"local": Scripted(latency_s=1e6)}) as dispatcher:
        dispatcher.submit(0, "local", question(0))
        assert dispatcher.completed(block=False) == []


def test_an_unknown_name_is_refused() -> None:
    with Dispatcher({"local": Scripted()}) as dispatcher, pytest.raises(InvalidInput, match=r"'remote'.*has: local"):
        dispatcher.submit(0, "remote", question(0))


def test_answers_are_gathered_while_questions_wait_for_a_slot(tmp_path: Path) -> None:
    with opened(Watched(), tmp_path / "j", concurrency=2) as (dispatcher, _):
        for ticket in range(60):
            dispatcher.submit(ticket, "local", question(ticket))
        turns = [dispatcher.completed(block=True) for _ in range(25)]
    assert sum(map(len, turns)) == 60
