import asyncio
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from agents import models
from agents.errors import InvalidInput, MissingResource
from agents.llm.base import Answer, Message, Prompt
from agents.llm.llamacpp import LlamaCpp
from agents.llm.transformers import Transformers

NAME = "smollm2-135m-instruct"
needs_weights = pytest.mark.skipif(not models.entry(NAME).is_fetched, reason=f"{NAME} is not fetched")
MESSAGES = (Message("system", "Answer with A or B."), Message("user", "Which letter comes first?"))
WATCH = {"type": "array", "items": {"type": "boolean"}, "maxItems": 2}
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"pick": {"enum": ["A", "B"]}, "watch": WATCH},
        "required": ["pick", "watch"],
        "additionalProperties": False,
    }
)
LABELS = Prompt("labels", "probe", MESSAGES, labels=("A", "B"))
STRUCTURED = Prompt("structured", "probe", MESSAGES, schema=SCHEMA, max_tokens=80)


def ask(*prompts: Prompt) -> list[Answer]:
    async def together() -> list[Answer]:
        model = LlamaCpp(NAME, threads=1)
        await model.open()
        try:
            return list(await asyncio.gather(*map(model.ask, prompts)))
        finally:
            await model.close()

    return asyncio.run(together())


@needs_weights
def test_structured_answers_fit_the_schema_and_labels_are_probabilities() -> None:
    labels, structured = ask(LABELS, STRUCTURED)
    assert all(-20 < value < 0 for value in labels.logprobs)
    value = json.loads(structured.text)
    assert value["pick"] in ("A", "B")
    assert len(value["watch"]) <= 2


@needs_weights
def test_an_answer_does_not_depend_on_what_else_is_asked() -> None:
    others = [
        Prompt("labels", "probe", (*MESSAGES[:1], Message("user", f"Film {i}?")), labels=("A",)) for i in range(6)
    ]
    alone = ask(LABELS)[0]
    crowded = ask(*others[:3], STRUCTURED, LABELS, *others[3:])[4]
    assert crowded.logprobs == alone.logprobs


@needs_weights
def test_two_libraries_read_the_same_probabilities_off_the_same_weights() -> None:
    async def by_transformers() -> Answer:
        model = Transformers(NAME, threads=1)
        await model.open()
        return await model.ask(LABELS)

    served, in_process = ask(LABELS)[0], asyncio.run(by_transformers())
    assert served.tokens_in == in_process.tokens_in
    assert served.logprobs == pytest.approx(in_process.logprobs, abs=0.3)


@needs_weights
def test_closing_stops_the_server_and_leaves_no_thread() -> None:
    async def address_of_the_closed() -> str:
        model = LlamaCpp(NAME, threads=1)
        await model.open()
        address: str = model._server.listening_address
        assert address.startswith("http://127.0.0.1:")
        await model.close()
        await model.close()
        return address

    address = asyncio.run(address_of_the_closed())
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address + "/health", timeout=2)
    assert all("xllamacpp" not in thread.name for thread in threading.enumerate())


@needs_weights
def test_a_process_that_forgets_to_close_still_ends() -> None:
    program = (
        "import asyncio; from agents.llm.llamacpp import LlamaCpp;"
        f"model = LlamaCpp('{NAME}', threads=1); asyncio.run(model.open()); print('served')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "served\n"


def test_what_is_missing_or_broken_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASTELOOP_HOME", str(tmp_path))
    with pytest.raises(MissingResource, match=f"models fetch {NAME}"):
        asyncio.run(LlamaCpp(NAME).open())
    with pytest.raises(MissingResource, match="does not exist"):
        asyncio.run(LlamaCpp(str(tmp_path / "absent.gguf")).open())
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF no more")
    with pytest.raises(MissingResource, match="cannot serve"):
        asyncio.run(LlamaCpp(str(broken)).open())


def test_likelihood_is_refused_with_the_remedy() -> None:
    with pytest.raises(InvalidInput, match="use kind transformers"):
        asyncio.run(LlamaCpp(NAME).ask(Prompt("likelihood", "watch", MESSAGES, continuations=("x",))))
