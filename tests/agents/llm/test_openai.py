import asyncio
import json
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agents.errors import InvalidInput, MissingResource
from agents.llm.base import Answer, Message, Prompt, Unavailable
from agents.llm.dispatcher import Dispatcher
from agents.llm.journal import Journal
from agents.llm.openai import OpenAI
from agents.llm.stack import assemble
from agents.llm.wrappers.limited import Limited
from tests.stub_server import running, stats

PROMPT = Prompt("text", "chat", (Message("user", "hello"),))
KEY = "sk-planted-0123456789"
SCHEMA = json.dumps({"type": "object", "properties": {"watch": {"type": "boolean"}}})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running() as address:
        yield address


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def ask(model: OpenAI, prompt: Prompt = PROMPT, tries: int = 1) -> Answer:
    """Open without the probes, so that the fault under test is met by the question itself."""

    async def one() -> Answer:
        model.connect()
        try:
            return await (Limited(model, attempts=tries, backoff_s=0.01) if tries > 1 else model).ask(prompt)
        finally:
            await model.close()

    return asyncio.run(one())


async def kinds(model: OpenAI) -> frozenset[str]:
    await model.open()
    await model.close()
    return model.kinds


def test_all_kinds_are_answered_and_the_same_twice(url: str) -> None:
    model = OpenAI("stub", base_url=url)
    assert asyncio.run(kinds(model)) == {"text", "structured", "labels"}
    text, again = ask(model), ask(model)
    assert (text.text, text.tokens_in, text.tokens_out) == (again.text, again.tokens_in, again.tokens_out)
    assert text.text
    structured = ask(model, Prompt("structured", "watch", PROMPT.messages, schema=SCHEMA))
    assert isinstance(json.loads(structured.text)["watch"], bool)
    labels = ask(model, Prompt("labels", "watch", PROMPT.messages, labels=("B", "C", "Z")))
    assert labels.logprobs[0] < 0
    assert labels.logprobs[2] == float("-inf")


def test_an_endpoint_without_schemas_or_logprobs_is_found_out(url: str) -> None:
    assert asyncio.run(kinds(OpenAI("plain", base_url=url))) == {"text"}


def test_the_environment_names_the_endpoint(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    assert ask(OpenAI("stub")).status == "ok"
    assert OpenAI("stub").fingerprint == OpenAI("stub").fingerprint.replace(url, "")


@pytest.mark.parametrize("fault", ["429", "500", "503", "drop", "html", "empty"])
def test_what_passes_is_retried_until_it_passes(url: str, fault: str) -> None:
    answer = ask(OpenAI(f"{fault}x2", base_url=url), tries=4)
    assert (answer.status, answer.attempts) == ("ok", 3)


@pytest.mark.parametrize("fault", ["400", "422"])
def test_what_a_retry_cannot_change_fails_at_once(url: str, fault: str) -> None:
    answer = ask(OpenAI(fault, base_url=url), tries=4)
    assert (answer.status, answer.attempts) == ("failed", 1)
    assert f"HTTP {fault}" in answer.error


@pytest.mark.parametrize("fault", ["hang", "slow"])
def test_neither_a_hang_nor_a_trickle_outlasts_the_timeout(url: str, fault: str) -> None:
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"no answer within 0\.3 s"):
        ask(OpenAI(fault, base_url=url, timeout_s=0.3))
    assert time.monotonic() - started < 5


def test_throttling_says_when_to_come_back(url: str) -> None:
    with pytest.raises(Unavailable) as caught:
        ask(OpenAI("429", base_url=url))
    assert (caught.value.throttled, caught.value.retry_after) == (True, 0.05)


def test_bad_content_is_an_answer(url: str) -> None:
    question = Prompt("structured", "watch", PROMPT.messages, schema=SCHEMA)
    malformed = ask(OpenAI("malformed", base_url=url), question)
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(malformed.text)
    assert ask(OpenAI("truncated", base_url=url), question).finish_reason == "length"
    refused = ask(OpenAI("refused", base_url=url), question)
    assert (refused.text, refused.finish_reason, refused.error) == ("", "refusal", "I cannot")


def test_an_unknown_model_names_itself(url: str) -> None:
    with pytest.raises(MissingResource, match="'404'"):
        ask(OpenAI("404", base_url=url))


def test_a_dead_endpoint_is_named_with_the_remedy() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(MissingResource, match=f"cannot reach {address}.*is the server running"):
        asyncio.run(OpenAI("stub", base_url=address).open())


def test_only_a_remote_endpoint_needs_a_key() -> None:
    with pytest.raises(MissingResource, match="MY_KEY"):
        asyncio.run(OpenAI("stub", base_url="https://models.example/v1", api_key_env="MY_KEY").open())


def test_prices_make_a_cost(url: str) -> None:
    assert ask(OpenAI("stub", base_url=url)).cost is None
    priced = ask(OpenAI("stub", base_url=url, price_in=2.0, price_out=3.0))
    assert priced.cost == pytest.approx((2 * priced.tokens_in + 3 * priced.tokens_out) / 1e6)


def test_a_storm_loses_no_decision_and_changes_none(tmp_path: Path) -> None:
    questions = {i: Prompt("text", "chat", (Message("user", f"question {i}"),)) for i in range(60)}
    told = []
    for name, faults in (("calm", ""), ("storm", "429:0.3,500:0.05,drop:0.05,hang:0.02")):
        with running(faults, latency=0.01) as address, Journal(tmp_path / name) as journal:
            backend = OpenAI("stub", base_url=address, timeout_s=1.0)
            with Dispatcher({"local": assemble(backend, journal, concurrency=8)}) as dispatcher:
                for ticket, prompt in questions.items():
                    dispatcher.submit(ticket, "local", prompt)
                answers: dict[int, Answer] = {}
                while len(answers) < len(questions):
                    answers.update(dispatcher.completed(block=True))
            told.append({ticket: (answer.status, answer.text) for ticket, answer in answers.items()})
            counts = stats(address)
            assert counts["peak"] <= 8 + counts.get("hang", 0)
    assert counts["429"] > 5
    assert told[0] == told[1]


def test_a_server_that_is_away_for_a_while_is_waited_for(tmp_path: Path) -> None:
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(tmp_path / "j"))
        with running() as address:
            port = int(address.split(":")[2].split("/")[0])
            stacked = assemble(OpenAI("stub", base_url=address), journal)
            dispatcher = stack.enter_context(Dispatcher({"local": stacked}))
        dispatcher.submit(0, "local", PROMPT)
        time.sleep(1.0)
        stack.enter_context(running(port=port))
        ((_, answer),) = dispatcher.completed(block=True)
    assert answer.status == "ok"
    assert answer.attempts > 1


def test_a_login_in_the_address_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"http://me:{KEY}@127.0.0.1:1/v1"
    with pytest.raises(InvalidInput, match="base_url holds") as caught:
        OpenAI("stub", base_url=address)
    assert KEY not in str(caught.value)
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    with pytest.raises(InvalidInput, match="OPENAI_BASE_URL holds"):
        asyncio.run(OpenAI("stub").open())


def test_a_planted_key_appears_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("PLANTED", KEY)
    with running(key=KEY) as address, Journal(tmp_path / "j") as journal:
        model = OpenAI("500x1", base_url=address, api_key_env="PLANTED")
        with Dispatcher({"local": assemble(model, journal)}) as dispatcher:
            answer = dispatcher.ask("local", PROMPT)
            assert answer.status == "ok"
        echo = Prompt("text", "chat", (Message("user", "hi"),))
        monkeypatch.setenv("PLANTED", KEY + "-wrong")
        with pytest.raises(MissingResource) as caught:
            asyncio.run(OpenAI("stub", base_url=address, api_key_env="PLANTED").open())
        assert "HTTP 401" in str(caught.value)
        assert "PLANTED" in str(caught.value)
        places = [str(caught.value), model.fingerprint, repr(answer), repr(echo), caplog.text]
    assert all(KEY not in place for place in places)
    assert KEY.encode() not in (tmp_path / "j").read_bytes()
