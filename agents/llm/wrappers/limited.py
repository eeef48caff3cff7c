"""A language model that is asked neither too much at once nor in vain."""

import asyncio
import hashlib
import time
from dataclasses import dataclass, field, replace

from agents.llm.base import Answer, Kind, LanguageModel, Prompt, Unavailable
from agents.llm.slots import Slots

_LONGEST_WAIT_S = 120.0
_PATIENCE_S = 1800.0
"""Seconds that a question waits in all because the endpoint says it is asked too much."""


@dataclass
class Limited(LanguageModel):
    """Hold a slot while asking, retry what a retry can change, and fail as data.

    inner: the model that is asked.
    concurrency: questions in flight at most.
    attempts: tries that may fail; being told to wait (429) is no failure, but half an hour of it is.
    backoff_s: pause before the second try; it doubles with each, with jitter, unless the endpoint
    says when to come back (honored up to 120 s). The slot is free for others meanwhile.
    """

    inner: LanguageModel
    concurrency: int = 64
    attempts: int = 7
    backoff_s: float = 0.25
    _slots: Slots = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._slots = Slots(self.concurrency)

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the model itself."""
        return self.inner.fingerprint

    @property
    def kinds(self) -> frozenset[Kind]:
        """Return what the model supports."""
        return self.inner.kinds

    @property
    def backlog(self) -> int:
        """Return how many questions wait for a slot."""
        return self._slots.waiting

    async def open(self) -> None:
        """Open the model."""
        await self.inner.open()

    async def ask(self, prompt: Prompt) -> Answer:
        """Answer, with ``attempts`` and ``queue_s`` filled in; ``failed`` once all tries are spent."""
        queued = waited = 0.0
        failures = throttles = 0
        while True:
            started = time.monotonic()
            since = await self._slots.take(prompt.now)
            queued += since - started
            try:
                answer = await self.inner.ask(prompt)
                self._slots.grow()
                return replace(answer, attempts=failures + throttles + 1, queue_s=queued)
            except Unavailable as failure:
                last = failure
            finally:
                self._slots.release()
            failures, throttles = failures + (not last.throttled), throttles + last.throttled
            pause = self._pause(prompt, throttles if last.throttled else failures, last)
            if last.throttled:
                self._slots.cut(since)
                waited += pause
            if not last.retryable or failures >= self.attempts or waited > _PATIENCE_S:
                tries = failures + throttles
                return Answer("failed", error=str(last), finish_reason="error", attempts=tries, queue_s=queued)
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Close the model."""
        await self.inner.close()

    def _pause(self, prompt: Prompt, times: int, failure: Unavailable) -> float:
        if failure.retry_after is not None:
            return min(max(failure.retry_after, 0.0), _LONGEST_WAIT_S)
        key = f"{prompt.address(self.fingerprint)}/{times}"
        jitter = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest(), "little") / 2**32
        return min(self.backoff_s * 2.0 ** (times - 1), _LONGEST_WAIT_S) * (0.5 + jitter / 2)
