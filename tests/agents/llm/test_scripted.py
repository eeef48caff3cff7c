import asyncio
import json
import math
import subprocess
import sys

import pytest

from agents.errors import InvalidInput
from agents.llm.base import Answer, Message, Prompt
from agents.llm.scripted import Scripted

MESSAGES = (Message("system", "You are Ada."), Message("user", "Rate these."))
SCHEMA = {
    "type": "object",
    "properties": {
        "watch": {"type": "array", "minItems": 3, "maxItems": 3, "items": {"type": "boolean"}},
        "rating": {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 5}, {"type": "null"}]},
        "leave": {"enum": ["stay", "bored"]},
        "reason": {"type": "string", "maxLength": 10},
    },
}


def ask(prompt: Prompt, model: Scripted | None = None) -> Answer:
    return asyncio.run((model or Scripted()).ask(prompt))


def test_the_answer_is_a_function_of_the_question_and_the_seed() -> None:
    prompt = Prompt("labels", "watch", MESSAGES, labels=("A", "B", "C"))
    assert ask(prompt) == ask(prompt)
    assert ask(prompt).logprobs != ask(prompt, Scripted(seed=1)).logprobs
    other = Prompt("labels", "watch", (MESSAGES[0], Message("user", "Rate those.")), labels=("A", "B", "C"))
    assert ask(prompt).logprobs != ask(other).logprobs


def test_another_process_answers_alike() -> None:
    program = (
        "import asyncio; from agents.llm.scripted import Scripted; from agents.llm.base import *;"
        "print(asyncio.run(Scripted().ask(Prompt('text', 'p', (Message('user', 'x'),)))).text)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ask(Prompt("text", "p", (Message("user", "x"),))).text


def test_labels_are_a_distribution() -> None:
    answer = ask(Prompt("labels", "watch", MESSAGES, labels=tuple("ABCDE")))
    assert sum(math.exp(value) for value in answer.logprobs) == pytest.approx(0.98)


def test_likelihood_gives_one_sum_and_one_length_per_continuation() -> None:
    answer = ask(Prompt("likelihood", "watch", MESSAGES, continuations=("Heat", "The Rock", "Se7en")))
    assert answer.lengths == (1, 2, 1)
    assert all(value < 0 for value in answer.logprobs)


@pytest.mark.parametrize("seed", range(20))
def test_structured_answers_fit_the_schema(seed: int) -> None:
    value = json.loads(ask(Prompt("structured", "watch", MESSAGES, schema=json.dumps(SCHEMA)), Scripted(seed)).text)
    assert [type(part) for part in value["watch"]] == [bool] * 3
    assert value["rating"] in (None, 1, 2, 3, 4, 5)
    assert value["leave"] in ("stay", "bored")
    assert len(value["reason"]) <= 10


@pytest.mark.parametrize("seed", range(20))
def test_a_list_names_no_position_twice(seed: int) -> None:
    properties = {"position": {"type": "integer", "minimum": 1, "maximum": 4}, "rating": {"type": "integer"}}
    schema = {"type": "array", "minItems": 1, "maxItems": 4, "items": {"type": "object", "properties": properties}}
    value = json.loads(ask(Prompt("structured", "watch", MESSAGES, schema=json.dumps(schema)), Scripted(seed)).text)
    positions = [item["position"] for item in value]
    assert len(set(positions)) == len(positions)


def test_a_schema_that_is_not_json_is_named() -> None:
    with pytest.raises(InvalidInput, match="'watch' is not JSON"):
        ask(Prompt("structured", "watch", MESSAGES, schema="{"))


def test_price_is_null_without_prices_and_exact_with_them() -> None:
    prompt = Prompt("text", "p", (Message("user", "one two three"),))
    assert ask(prompt).cost is None
    priced = ask(prompt, Scripted(price_in=1.0, price_out=2.0))
    assert priced.cost == pytest.approx((3 + 2 * priced.tokens_out) / 1e6)
