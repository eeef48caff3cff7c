"""A language model that is asked neither too much at once nor in vain."""

import asyncio
import hashlib
import time
from dataclasses import dataclass, field, replace

from agents.llm.base import Answer, Kind, LanguageModel, Prompt, Unavailable
from agents.llm.slots import Slots

_LONGEST_WAIT_S = 120.0


@dataclass
class Limited(LanguageModel):
    """Hold a slot while asking, retry what a retry can change, and fail as data.

    inner: the model that is asked.
    concurrency: questions in flight at most.
    attempts: tries a question is given.
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

    async def open(self) -> None:
        """Open the model."""
        await self.inner.open()

    async def ask(self, prompt: Prompt) -> Answer:
        """Answer, with ``attempts`` and ``queue_s`` filled in; ``failed`` once all tries are spent."""
        queued = 0.0
        for attempt in range(1, self.attempts + 1):
            started = time.monotonic()
            since = await self._slots.take()
            queued += since - started
            try:
                answer = await self.inner.ask(prompt)
                self._slots.grow()
                return replace(answer, attempts=attempt, queue_s=queued)
            except Unavailable as failure:
                if failure.throttled:
                    self._slots.cut(since)
                last = failure
            finally:
                self._slots.release()
            if not last.retryable:
                break
            if attempt < self.attempts:
                await asyncio.sleep(self._pause(prompt, attempt, last))
        return Answer(status="failed", error=str(last), finish_reason="error", attempts=attempt, queue_s=queued)

    async def close(self) -> None:
        """Close the model."""
        await self.inner.close()

    def _pause(self, prompt: Prompt, attempt: int, failure: Unavailable) -> float:
        if failure.retry_after is not None:
            return min(max(failure.retry_after, 0.0), _LONGEST_WAIT_S)
        key = f"{prompt.address(self.fingerprint)}/{attempt}"
        jitter = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest(), "little") / 2**32
        return min(self.backoff_s * 2.0 ** (attempt - 1), _LONGEST_WAIT_S) * (0.5 + jitter / 2)
