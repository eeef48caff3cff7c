"""A language model behind any OpenAI-compatible endpoint."""

import asyncio
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import urlsplit

from agents.errors import InvalidInput, MissingResource
from agents.llm.base import Answer, Kind, LanguageModel, Message, Prompt, Unavailable
from agents.llm.transports.base import Fixed, Reply, Transport
from agents.llm.transports.lean import Lean
from agents.llm.transports.sdk import Sdk

_HOME = "https://api.openai.com/v1"
_MOST_LISTED = 20
_LONGEST = 1 << 16
"""Characters of an answer that are read; what is longer counts as cut off."""
_QUESTION = (Message("user", "yes?"),)
_SCHEMA = json.dumps(
    {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False}
)
_PROBES = (
    Prompt("structured", "probe", _QUESTION, schema=_SCHEMA, max_tokens=16),
    Prompt("labels", "probe", _QUESTION, labels=("yes", "no", "Yes", "No")),
)


@dataclass
class OpenAI(LanguageModel):
    """Ask an OpenAI-compatible endpoint: OpenAI itself, vLLM, llama.cpp, Ollama, and the like.

    model: name the endpoint knows the model by.
    base_url: address of the endpoint, up to and with /v1; left out, OPENAI_BASE_URL or OpenAI itself.
    api_key_env: NAME of the environment variable that holds the key; a server on this machine needs none.
    price_in: US dollars per million tokens read; leave out both prices for an unpriced model.
    price_out: US dollars per million tokens written.
    timeout_s: wall-clock seconds an answer may take, from sending to its last byte.
    seed: sent along, for endpoints that sample by it.
    transport: sdk, the openai library, for any endpoint; lean for plain http nearby, at a fortieth of the
    library's processor time. Answers are the same.
    """

    model: str
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    price_in: float | None = None
    price_out: float | None = None
    timeout_s: float = 60.0
    seed: int | None = None
    transport: Literal["sdk", "lean"] = "sdk"
    _client: Transport | None = field(default=None, init=False, repr=False)
    _listed: int = field(default=_MOST_LISTED, init=False, repr=False)
    _extra: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    _kinds: frozenset[Kind] = field(default=frozenset(), init=False, repr=False)

    def __post_init__(self) -> None:
        _refuse_login(self.base_url or "", "base_url")

    @property
    def fingerprint(self) -> str:
        """Name the model, and its address where the scenario gives one; never the key."""
        return f"openai/1 {self.model} {self.base_url or ''} seed={self.seed}"

    @property
    def kinds(self) -> frozenset[Kind]:
        """Return what the endpoint proved to support when it was opened."""
        return self._kinds

    @property
    def url(self) -> str:
        """Return the endpoint's address."""
        return (self.base_url or os.environ.get("OPENAI_BASE_URL") or _HOME).rstrip("/")

    async def open(self) -> None:
        """Reach the endpoint and probe what it supports, with two tiny questions.

        Raises MissingResource, with the address and the remedy, for a missing or refused key, an
        unknown model and an endpoint that cannot be reached.
        """
        self.connect()
        proved = [probe.kind for probe in _PROBES if await self._supports(probe)]
        self._kinds = frozenset(("text", *proved))

    def connect(self, listed: int = _MOST_LISTED, **extra: Any) -> None:
        """Make the client without asking anything.

        ``listed`` is how many likely tokens the endpoint may be asked for, ``extra`` goes into every request.
        """
        _refuse_login(self.url, "OPENAI_BASE_URL")
        carrier = Lean if self.transport == "lean" else Sdk
        self._client = carrier(self.url, self._key(), self.timeout_s)
        self._listed, self._extra = listed, extra

    async def ask(self, prompt: Prompt) -> Answer:
        """Answer one prompt; see ``Unavailable`` for what is worth another try."""
        assert self._client is not None, "asked before it was opened"
        started = time.perf_counter()
        try:
            reply = await self._client.post(_request(self, prompt) | self._extra)
        except TimeoutError as error:
            raise Unavailable(f"{self.url} gave no answer within {self.timeout_s:g} s") from error
        except OSError as error:
            raise Unavailable(
                f"cannot reach {self.url} ({self._without_key(str(error))}); "
                "is the server running, and is base_url (or OPENAI_BASE_URL) right?"
            ) from None
        except ValueError as error:
            raise self._no_answer(str(error)) from None
        if reply.status >= 300:
            raise self._refusal(reply)
        return self._answer(prompt, reply.body, time.perf_counter() - started)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _key(self) -> str:
        key = os.environ.get(self.api_key_env, "").strip()
        if not key and not _is_loopback(self.url):
            raise MissingResource(
                f"the endpoint {self.url} needs a key: set the environment variable "
                f"{self.api_key_env}, or name another variable with api_key_env"
            )
        return key or "none"

    async def _supports(self, probe: Prompt) -> bool:
        """Tell whether a probe is answered; a server that is still starting gets some seconds."""
        for pause in (0.25, 0.5, 1.0, 2.0, None):
            try:
                answer = await self.ask(probe)
            except Unavailable as failure:
                if not failure.retryable:
                    return False
                if pause is None:
                    raise MissingResource(str(failure)) from None
                await asyncio.sleep(min(failure.retry_after or pause, 10.0))
            else:
                return bool(answer.text) if probe.kind == "structured" else max(answer.logprobs) > -math.inf
        raise AssertionError("the last try returns or raises")

    def _answer(self, prompt: Prompt, body: bytes, latency: float) -> Answer:
        """Read a reply; one that has not the shape of an answer is worth another try."""
        try:
            content = json.loads(body)
            if not content.get("choices"):
                raise Unavailable(f"{self.url} answered without choices")
            choice, usage = content["choices"][0], content.get("usage") or {}
            message = choice["message"]
            refusal = self._without_key(message.get("refusal") or "")
            text = self._without_key(message.get("content") or "") if prompt.kind != "labels" else ""
            finish = "refusal" if refusal else choice.get("finish_reason") or "stop"
            tokens_in, tokens_out = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
            return Answer(
                status="ok",
                text=text[:_LONGEST],
                logprobs=_label_logprobs(prompt.labels, choice) if prompt.kind == "labels" else (),
                call_id=prompt.address(self.fingerprint),
                error=refusal[:_LONGEST],
                finish_reason=finish if len(text) <= _LONGEST else "length",
                tokens_in=tokens_in,
                tokens_cached=int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0),
                tokens_out=tokens_out,
                latency_s=latency,
                cost=self._cost(tokens_in, tokens_out),
            )
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise self._no_answer(f"{type(error).__name__}: {error}") from None

    def _cost(self, tokens_in: int, tokens_out: int) -> float | None:
        if self.price_in is None or self.price_out is None:
            return None
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6

    def _no_answer(self, what: str) -> Unavailable:
        return Unavailable(f"{self.url} sent something that is no answer: {self._without_key(what)[:200]}")

    def _refusal(self, reply: Reply) -> Exception:
        """Return what a refusal means: try again, do not, or mend the environment."""
        message, code = _error(reply.body)
        said = f"{self.url} answered HTTP {reply.status}: {self._without_key(message)[:300]}"
        if reply.status in (401, 403):
            return MissingResource(f"{said}; check the key in the environment variable {self.api_key_env}")
        if reply.status == 404:
            return MissingResource(f"{said}; check the model name {self.model!r} and base_url")
        if code == "insufficient_quota":
            return MissingResource(f"{said}; the account behind {self.api_key_env} has no credit left")
        retryable = reply.status in (408, 409, 429) or reply.status >= 500
        wait = _retry_after(reply.headers)
        return Unavailable(said, retryable=retryable, throttled=reply.status == 429, retry_after=wait)

    def _without_key(self, text: str) -> str:
        """Return text from outside with the key blotted out, should the endpoint repeat it."""
        key = os.environ.get(self.api_key_env, "").strip()
        return text.replace(key, "[key]") if key else text


def _request(model: OpenAI, prompt: Prompt) -> dict[str, Any]:
    """Return the arguments of the chat-completions call."""
    request: dict[str, Any] = {
        "model": model.model,
        "messages": [{"role": message.role, "content": message.text} for message in prompt.messages],
        "max_tokens": prompt.max_tokens,
        "temperature": prompt.temperature,
    }
    if model.seed is not None:
        request["seed"] = model.seed
    if prompt.kind == "structured":
        request["response_format"] = _format(prompt.schema)
    elif prompt.kind == "labels":
        request |= {"max_tokens": 1, "logprobs": True, "top_logprobs": model._listed}
    return request


@lru_cache(maxsize=256)
def _format(schema: str) -> Fixed:
    """Return the response format that asks for a schema."""
    named = {"name": "answer", "schema": json.loads(schema), "strict": True}
    return Fixed({"type": "json_schema", "json_schema": named})


def _label_logprobs(labels: Sequence[str], choice: Mapping[str, Any]) -> tuple[float, ...]:
    """Return each label's log-probability, over its spellings with and without spaces; -inf if unlisted."""
    told = (choice.get("logprobs") or {}).get("content")
    listed = told[0]["top_logprobs"] if told else []
    mass = dict.fromkeys(labels, 0.0)
    for entry in listed:
        label = entry["token"].strip()
        if label in mass:
            logprob = float(entry["logprob"])
            mass[label] += math.exp(logprob) if logprob < 1 else math.inf
    return tuple(-math.inf if value == 0 else math.log(value) for value in mass.values())


def _error(body: bytes) -> tuple[str, str | None]:
    """Return the message and the code of a refusal, as far as it has them."""
    try:
        content = json.loads(body)
        error = content.get("error", content)
        return (str(error.get("message", error)), error.get("code")) if isinstance(error, dict) else (str(error), None)
    except (ValueError, AttributeError, RecursionError):
        return body[:300].decode("utf-8", "replace"), None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds an endpoint asks to wait; None for a missing or unreadable header."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds):
            return seconds
    return None


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refuse_login(url: str, place: str) -> None:
    """Refuse an address that holds a password: it would end up in logs and manifests."""
    if "@" in urlsplit(url).netloc:
        raise InvalidInput(f"{place} holds a user name or password; put the key into the variable api_key_env names")
