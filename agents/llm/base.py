"""A language model behind one method: a prompt in, an answer out."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["text", "structured", "labels", "likelihood", "embedding", "beam"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question. What may be asked depends on ``kind``:

    - ``text``: free text. - ``structured``: text that fits the JSON schema ``schema``.
    - ``labels``: log-probabilities of the one-token ``labels`` as the next token.
    - ``likelihood``: log-probability of each of ``continuations`` after the messages.
    - ``embedding``: one vector for each of ``continuations``, each read by itself.
    - ``beam``: the likeliest of ``continuations``, by a search that follows ``beams`` of their beginnings at once.
    ``user_id``, ``decision`` and ``attempt`` enter the content address only where text is sampled.
    ``now`` is the simulated minute: where questions wait for a slot, those of the earliest moment go
    first, because everybody else's clock waits for them.
    """

    kind: Kind
    purpose: str
    messages: tuple[Message, ...]
    user_id: int = -1
    decision: int = -1
    attempt: int = 0
    schema: str = ""
    labels: tuple[str, ...] = ()
    continuations: tuple[str, ...] = ()
    max_tokens: int = 256
    temperature: float = 0.0
    now: float = 0.0
    beams: int = 0

    _addressed: tuple[str, str] = field(default=("", ""), init=False, repr=False, compare=False)

    def address(self, fingerprint: str) -> str:
        """Return the content hash (32 hex digits) of this question put to the model ``fingerprint``.

        Every part goes in behind its length, so that no two questions run together. The address is
        remembered with the question, for the model that it was last put to.
        """
        known, address = self._addressed
        if not address or known != fingerprint:
            parts = [fingerprint, self.kind, self.schema, f"{self.max_tokens} {self.temperature!r}"]
            if self.temperature > 0 and self.kind in ("text", "structured"):
                parts.append(f"{self.user_id} {self.decision} {self.attempt}")
            if self.beams:
                parts.append(f"beams {self.beams}")
            for message in self.messages:
                parts += (message.role, message.text)
            spans = [len(parts), len(self.labels), *map(len, parts)]
            if self.labels or self.continuations:
                parts += (*self.labels, *self.continuations)
                spans += (*map(len, self.labels), *map(len, self.continuations))
            text = f"{spans}{''.join(parts)}"
            address = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
            object.__setattr__(self, "_addressed", (fingerprint, address))
        return address


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. A failed answer is data: ``status`` says so and nothing is raised.

    ``text`` for text and structured prompts, and for ``beam`` (a JSON list of places among the continuations, each
    with its log-probability, the likeliest first), ``logprobs`` (natural log, one per label or
    continuation, in their order) for labels and likelihood, ``vectors`` (one per continuation, all of one
    width) for embedding; ``lengths`` counts the tokens each
    continuation's sum runs over. ``cost`` is US dollars, None when the model is unpriced. The
    ``*_s`` figures are wall-clock seconds and never touch the simulation.
    """

    status: Literal["ok", "failed"]
    text: str = ""
    logprobs: tuple[float, ...] = ()
    lengths: tuple[int, ...] = ()
    vectors: tuple[tuple[float, ...], ...] = ()
    call_id: str = ""
    error: str = ""
    finish_reason: str = "stop"
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    latency_s: float = 0.0
    queue_s: float = 0.0
    attempts: int = 1
    cached: bool = False
    cost: float | None = None


class LanguageModel(ABC):
    """Anything that answers prompts: a backend, or a wrapper around one with the same interface."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Identify weights, decoding and template; part of every content address."""

    @property
    @abstractmethod
    def kinds(self) -> frozenset[Kind]:
        """Return the kinds of prompt this model can answer (``auto`` probes by it)."""

    @property
    def backlog(self) -> int:
        """Return how many questions wait for their turn here; any thread may look."""
        return 0

    async def open(self) -> None:  # noqa: B027  (an empty default is the point)
        """Load weights or reach the endpoint; raise MissingResource with the remedy if it cannot."""

    def recall(self, prompt: Prompt) -> Answer | None:
        """Return the answer if it is known already, without asking; any thread may call it."""
        return None

    @abstractmethod
    async def ask(self, prompt: Prompt) -> Answer:
        """Answer one prompt; transport failures raise ``Unavailable``, bad content is an Answer."""

    def sync(self) -> None:  # noqa: B027  (an empty default is the point)
        """Make durable whatever was recorded, before something that rests on it is; any thread may call it."""

    async def close(self) -> None:  # noqa: B027  (an empty default is the point)
        """Release the model; idempotent."""


class Unavailable(Exception):
    """The backend gave no answer this time; ``retry_after`` seconds if it said so.

    ``retryable`` is False for answers that a second try cannot change (400, 401, 403, 404, 422).
    ``throttled`` marks 429, so that concurrency can adapt.
    """

    def __init__(
        self, message: str, *, retryable: bool = True, throttled: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.throttled = throttled
        self.retry_after = retry_after
