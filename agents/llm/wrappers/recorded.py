"""A language model that is asked each question once."""

import asyncio
from dataclasses import dataclass, field, replace
from functools import cached_property

from agents.errors import InvalidInput
from agents.llm.base import Answer, Kind, LanguageModel, Prompt
from agents.llm.journal import Journal


@dataclass
class Recorded(LanguageModel):
    """Answer from the journal where it can, else ask, and write down before telling.

    inner: the model that is asked.
    journal: where answers are kept; several models may share it.
    replay: never ask; a question that is not in the journal raises InvalidInput, and the model is
    not even opened.

    Identical questions under way share one answer. What the journal or a twin supplied counts as
    cached. What the model turned out to support is recorded too, so that a replay decides alike.
    """

    inner: LanguageModel
    journal: Journal
    replay: bool = False
    _kinds: frozenset[Kind] = field(default=frozenset(), init=False, repr=False)
    _under_way: dict[str, asyncio.Future[Answer]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def fingerprint(self) -> str:
        """Return the fingerprint of the model itself."""
        return self.inner.fingerprint

    @property
    def kinds(self) -> frozenset[Kind]:
        """Return what the model supported when the journal was begun."""
        return self._kinds

    @property
    def backlog(self) -> int:
        """Return what waits at the model."""
        return self.inner.backlog

    async def open(self) -> None:
        """Open the model, unless replaying, and settle what it supports."""
        if not self.replay:
            await self.inner.open()
        address = Prompt(kind="text", purpose="kinds", messages=()).address(self.fingerprint)
        stored = self.journal.get(address)
        if stored is not None:
            self._kinds = frozenset(kind for kind in _ALL if kind in stored.text.split())
            return
        self._kinds = self.inner.kinds
        if not self.replay:
            self.journal.append(address, "kinds", Answer(status="ok", text=" ".join(sorted(self._kinds))))

    def recall(self, prompt: Prompt) -> Answer | None:
        """Answer from the journal."""
        return self.journal.get(prompt.address(self.fingerprint))

    async def ask(self, prompt: Prompt) -> Answer:
        """Answer from the journal, from a twin under way, or from the model."""
        address = prompt.address(self.fingerprint)
        stored = self.journal.get(address)
        if stored is not None:
            return stored
        if self.replay:
            raise InvalidInput(
                f"{self.journal.path} has no answer to a {prompt.purpose!r} question ({address}) of user "
                f"{prompt.user_id}: replay needs the scenario and seed the journal was recorded with"
            )
        twin = self._under_way.get(address)
        if twin is not None:
            return replace(await asyncio.shield(twin), cached=True)
        return await self._fresh(address, prompt)

    def sync(self) -> None:
        """Make the journal durable."""
        self.journal.sync()

    async def close(self) -> None:
        """Close the model; the journal belongs to whoever opened it."""
        await self.inner.close()

    async def _fresh(self, address: str, prompt: Prompt) -> Answer:
        """Ask the model, write the answer down, and tell it to the twins that came meanwhile."""
        promise = self._under_way[address] = asyncio.get_running_loop().create_future()
        try:
            answer = await self.inner.ask(prompt)
            if answer.call_id != address:
                answer = replace(answer, call_id=address)
            self.journal.append(address, prompt.purpose, answer)
            promise.set_result(answer)
            return answer
        except Exception as error:
            promise.set_exception(error)
            promise.exception()  # seen here, so that a question without twins does not complain of it
            raise
        finally:
            promise.cancel()
            del self._under_way[address]


_ALL: tuple[Kind, ...] = ("text", "structured", "labels", "likelihood", "beam")
