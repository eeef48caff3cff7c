"""A language model that is asked each question once."""

import asyncio
from dataclasses import dataclass, field, replace

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
    _under_way: dict[str, asyncio.Task[Answer]] = field(default_factory=dict, init=False, repr=False)

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the model itself."""
        return self.inner.fingerprint

    @property
    def kinds(self) -> frozenset[Kind]:
        """Return what the model supported when the journal was begun."""
        return self._kinds

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

    async def ask(self, prompt: Prompt) -> Answer:
        """Answer from the journal, from a twin under way, or from the model."""
        address = prompt.address(self.fingerprint)
        stored = self.journal.get(address)
        if stored is not None:
            return replace(stored, cached=True)
        if self.replay:
            raise InvalidInput(
                f"{self.journal.path} has no answer to a {prompt.purpose!r} question ({address}) of user "
                f"{prompt.user_id}: replay needs the scenario and seed the journal was recorded with"
            )
        twin = self._under_way.get(address)
        if twin is not None:
            return replace(await asyncio.shield(twin), cached=True)
        task = self._under_way[address] = asyncio.create_task(self._fresh(address, prompt))
        try:
            return await task
        finally:
            del self._under_way[address]

    def sync(self) -> None:
        """Make the journal durable."""
        self.journal.sync()

    async def close(self) -> None:
        """Close the model; the journal belongs to whoever opened it."""
        await self.inner.close()

    async def _fresh(self, address: str, prompt: Prompt) -> Answer:
        answer = replace(await self.inner.ask(prompt), call_id=address, cached=False)
        self.journal.append(address, prompt.purpose, answer)
        return answer


_ALL: tuple[Kind, ...] = ("text", "structured", "labels", "likelihood")
