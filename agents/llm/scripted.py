"""A language model that is a formula: every kind of answer, no weights, no network."""

import asyncio
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from agents.errors import InvalidInput
from agents.llm.base import Answer, Kind, LanguageModel, Prompt

_WIDTH = 12
"""Numbers in a vector."""
_WORDS = ["quiet", "familiar", "long", "clever", "slow", "warm", "strange", "short", "bold", "gentle"]


@dataclass
class Scripted(LanguageModel):
    """Answer as a fixed function of the question, for runs and tests that need no model.

    seed: another seed is another imaginary model.
    latency_s: mean wall-clock seconds an answer takes (exponential, keyed by the question).
    price_in: US dollars per million tokens read; leave out both prices for an unpriced model.
    price_out: US dollars per million tokens written.
    """

    seed: int = 0
    latency_s: float = 0.0
    price_in: float | None = None
    price_out: float | None = None

    @property
    def fingerprint(self) -> str:
        """Name the formula and its seed."""
        return f"scripted/1 seed={self.seed}"

    @property
    def kinds(self) -> frozenset[Kind]:
        """Return all kinds."""
        return frozenset(get_args(Kind))

    async def ask(self, prompt: Prompt) -> Answer:
        """Answer after the keyed latency."""
        address = prompt.address(self.fingerprint)
        latency = -self.latency_s * math.log(1.0 - _fraction(address, "latency"))
        if latency:
            await asyncio.sleep(latency)
        text, logprobs, lengths = _content(address, prompt)
        tokens_in = sum(_tokens(message.text) for message in prompt.messages) + sum(lengths)
        tokens_out = _tokens(text) or 1
        return Answer(
            status="ok",
            text=text,
            logprobs=logprobs,
            lengths=lengths,
            vectors=_vectors(self.seed, prompt) if prompt.kind == "embedding" else (),
            call_id=address,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            latency_s=latency,
            cost=self._cost(tokens_in, tokens_out),
        )

    def _cost(self, tokens_in: int, tokens_out: int) -> float | None:
        if self.price_in is None or self.price_out is None:
            return None
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6


def _content(address: str, prompt: Prompt) -> tuple[str, tuple[float, ...], tuple[int, ...]]:
    """Return text, log-probabilities and lengths, as the prompt's kind wants them."""
    if prompt.kind == "labels":
        return "", _label_logprobs(address, len(prompt.labels)), ()
    if prompt.kind == "likelihood":
        lengths = tuple(_tokens(continuation) for continuation in prompt.continuations)
        rates = (2.0 + 4.0 * _fraction(address, f"continuation/{i}") for i in range(len(lengths)))
        return "", tuple(-n * rate for n, rate in zip(lengths, rates, strict=True)), lengths
    if prompt.kind == "beam":
        return _beam(address, prompt), (), ()
    if prompt.kind == "structured":
        return json.dumps(_fit(_schema(prompt), address, ""), ensure_ascii=False), (), ()
    if prompt.kind == "embedding":
        return "", (), tuple(_tokens(continuation) for continuation in prompt.continuations)
    return _sentence(address, "text"), (), ()


def _vectors(seed: int, prompt: Prompt) -> tuple[tuple[float, ...], ...]:
    """Return a vector per text: the sum of what each of its words is given, so that texts that share words are near."""
    told = [
        [[_fraction(f"{seed} {word}", f"axis/{i}") - 0.5 for i in range(_WIDTH)] for word in text.split()]
        for text in prompt.continuations
    ]
    return tuple(tuple(map(sum, zip(*words, strict=True))) if words else (0.0,) * _WIDTH for words in told)


def _beam(address: str, prompt: Prompt) -> str:
    """Return the continuations that the formula likes best, without a search."""
    rates = [2.0 + 4.0 * _fraction(address, f"beam/{text}") for text in prompt.continuations]
    logprobs = [-_tokens(text) * rate for text, rate in zip(prompt.continuations, rates, strict=True)]
    best = sorted(range(len(logprobs)), key=lambda place: -logprobs[place])[: prompt.beams]
    return json.dumps([[place, logprobs[place]] for place in best])


def _label_logprobs(address: str, count: int) -> tuple[float, ...]:
    """Spread almost all mass over the labels, as a model that understood the question would."""
    scores = [4.0 * _fraction(address, f"label/{i}") for i in range(count)]
    normalizer = math.log(sum(math.exp(score) for score in scores)) if scores else 0.0
    return tuple(score - normalizer + math.log(0.98) for score in scores)


def _schema(prompt: Prompt) -> Mapping[str, Any]:
    try:
        schema = json.loads(prompt.schema)
    except ValueError as error:
        raise InvalidInput(f"the schema of prompt {prompt.purpose!r} is not JSON: {error}") from error
    if not isinstance(schema, dict):
        raise InvalidInput(f"the schema of prompt {prompt.purpose!r} is not a JSON object")
    return schema


def _fit(schema: Mapping[str, Any], address: str, path: str) -> Any:
    """Return a value that fits a JSON schema (the part of it that prompts use), keyed by its path."""
    fraction = _fraction(address, path)
    choices = [schema["const"]] if "const" in schema else schema.get("enum")
    if choices:
        return choices[int(fraction * len(choices))]
    if branches := schema.get("anyOf") or schema.get("oneOf"):
        return _fit(branches[int(fraction * len(branches))], address, f"{path}?")
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[int(fraction * len(kind))]
    if kind == "object":
        return {name: _fit(part, address, f"{path}/{name}") for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        each = schema.get("items", {})
        if "enum" in each:  # a list of choices names each of them once
            shuffled = sorted(range(len(each["enum"])), key=lambda i: _fraction(address, f"{path}/{i}"))
            return [each["enum"][i] for i in shuffled[: _count(schema, fraction)]]
        items = [_fit(each, address, f"{path}/{i}") for i in range(_count(schema, fraction))]
        distinct = _without_repeats(items) if all(isinstance(item, dict) for item in items) else items
        return distinct if len(distinct) >= schema.get("minItems", 0) else items
    return _scalar(kind, schema, address, path)


def _without_repeats(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop objects whose first property came before: by it a list of objects says which is meant."""
    named = {next(iter(item.values()), None): item for item in reversed(items)}
    return [item for item in items if named.get(next(iter(item.values()), None)) is item]


def _scalar(kind: str, schema: Mapping[str, Any], address: str, path: str) -> Any:
    fraction = _fraction(address, path)
    low, high = schema.get("minimum", 0), schema.get("maximum", 10)
    if kind == "integer":
        return int(low + fraction * (high - low + 1))
    if kind == "number":
        return low + fraction * (high - low)
    if kind == "boolean":
        return fraction < 0.5
    return None if kind == "null" else _sentence(address, path)[: schema.get("maxLength", 200)]


def _count(schema: Mapping[str, Any], fraction: float) -> int:
    least = schema.get("minItems", 0)
    most = schema.get("maxItems", max(least, 3))
    return int(least + fraction * (most - least + 1))


def _sentence(address: str, path: str) -> str:
    chosen = [_WORDS[int(_fraction(address, f"{path}#{i}") * len(_WORDS))] for i in range(3)]
    return f"It felt {chosen[0]}, {chosen[1]} and {chosen[2]}."


def _tokens(text: str) -> int:
    return len(text.split())


def _fraction(address: str, path: str) -> float:
    """Return a number in [0, 1) that only the question and the place in the answer decide."""
    digest = hashlib.blake2b(f"{address}/{path}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 11) * 2.0**-53
