"""The one event loop: questions go in from the engine's thread, answers come out."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, TypeVar

from agents.errors import InvalidInput
from agents.llm.base import Answer, Kind, LanguageModel, Prompt
from agents.llm.budget import Tally

T = TypeVar("T")
Told = tuple[int, str, Answer]
"""Ticket, model and answer."""
GATHER_S = 0.01
"""Answers are gathered for so long at most while questions wait for a slot: many at once cost less each."""
GATHERED = 4
"""What is gathered is at most one answer for so many waiting questions, so that these cannot run out."""


class Dispatcher:
    """Keep many questions in flight at once; a context manager, used from one thread.

    ``models`` are the named entries of the scenario, opened on entry and closed on exit, when what
    is still in flight is cancelled. How many questions a model is sent at once is its own affair
    (``stack.assemble``). A question whose answer is known already never reaches the event loop.
    Whatever a model raises is raised again by the next ``completed`` or ``ask``, and by every one
    after it; what it raises to ``ask`` or ``ask_all`` is raised there.
    """

    def __init__(self, models: Mapping[str, LanguageModel]) -> None:
        self._models = dict(models)
        self._tallies = {name: Tally() for name in models}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="language-models", daemon=True)
        self._inbox: deque[tuple[int, str, Prompt]] = deque()
        self._called = False
        self._outbox: list[Told] = []
        self._arrived: SimpleQueue[list[Told] | Exception] = SimpleQueue()
        self._known: list[Told] = []
        self._under_way = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._error: Exception | None = None

    def __enter__(self) -> "Dispatcher":
        """Open every model; raise what the first of them raises."""
        self._thread.start()
        try:
            self._wait(self._open())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def submit(self, ticket: int, model: str, prompt: Prompt) -> None:
        """Ask without waiting; the answer comes out of ``completed`` with the same ticket."""
        answer = self._named(model).recall(prompt)
        self._under_way += 1
        if answer is not None:
            self._known.append((ticket, model, answer))
            return
        self._inbox.append((ticket, model, prompt))
        if not self._called:  # the loop lowers the flag before it looks into the inbox
            self._called = True
            self._loop.call_soon_threadsafe(self._start_all)

    def completed(self, block: bool) -> list[tuple[int, Answer]]:
        """Return the answers that have arrived, in any order; with ``block`` wait for at least one.

        Empty, and at once, when nothing is under way.
        """
        told, self._known = self._known, []
        if block and not told and self._under_way and self._error is None:
            self._receive(told, None)
            end = time.monotonic() + GATHER_S
            while self._error is None and len(told) * GATHERED < self._backlog() and time.monotonic() < end:
                self._receive(told, end)
        while not self._arrived.empty():
            self._receive(told, None)
        if self._error is not None:
            raise self._error
        self._under_way -= len(told)
        return [(ticket, self._counted(model, answer)) for ticket, model, answer in told]

    def ask(self, model: str, prompt: Prompt) -> Answer:
        """Ask and wait (before time starts: calibration, probes)."""
        if self._error is not None:
            raise self._error
        return self._counted(model, self._wait(self._named(model).ask(prompt)))

    def ask_all(self, model: str, prompts: Sequence[Prompt]) -> list[Answer]:
        """Ask many questions at once and wait for all: for recommenders, whose page nobody can look at before."""
        if self._error is not None:
            raise self._error
        answers = self._wait(self._ask_all(self._named(model), prompts))
        return [self._counted(model, answer) for answer in answers]

    def sync(self) -> None:
        """Make every answer given so far durable; call it before committing what rests on them."""
        for model in self._models.values():
            model.sync()

    def stats(self) -> dict[str, Tally]:
        """Return the running count per model name (live objects: read, do not change)."""
        return self._tallies

    def kinds(self, model: str) -> frozenset[Kind]:
        """Return the kinds of prompt a named language model can answer."""
        return self._named(model).kinds

    def fingerprint(self, model: str) -> str:
        """Return what identifies a named language model in content addresses."""
        return self._named(model).fingerprint

    @property
    def under_way(self) -> int:
        """Return how many submitted questions have not come out of ``completed`` yet."""
        return self._under_way

    def _receive(self, told: list[Told], end: float | None) -> None:
        """Wait for answers, until ``end`` at most, and add them to ``told``; or take note of an error."""
        try:
            arrived = self._arrived.get(timeout=None if end is None else max(end - time.monotonic(), 0.0))
        except Empty:
            return
        if isinstance(arrived, Exception):
            self._error = self._error or arrived
        else:
            told += arrived

    def _backlog(self) -> int:
        return sum(model.backlog for model in self._models.values())

    def _named(self, model: str) -> LanguageModel:
        if model not in self._models:
            raise InvalidInput(f"no language model is named {model!r}; the llm section has: {', '.join(self._models)}")
        return self._models[model]

    def _counted(self, model: str, answer: Answer) -> Answer:
        self._tallies[model].add(answer)
        return answer

    async def _ask_all(self, model: LanguageModel, prompts: Sequence[Prompt]) -> list[Answer]:
        tasks = [self._loop.create_task(model.ask(prompt)) for prompt in prompts]
        self._tasks.update(tasks)  # closing cancels what an error leaves under way
        for task in tasks:
            task.add_done_callback(self._tasks.discard)
        return await asyncio.gather(*tasks)

    def _start_all(self) -> None:
        """Turn waiting questions into tasks; runs in the loop."""
        self._called = False
        while self._inbox:
            task = self._loop.create_task(self._deliver(*self._inbox.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(self, ticket: int, model: str, prompt: Prompt) -> None:
        try:
            answer = await self._models[model].ask(prompt)
        except Exception as error:
            self._arrived.put(error)
            return
        if not self._outbox:
            self._loop.call_soon(self._announce)
        self._outbox.append((ticket, model, answer))

    def _announce(self) -> None:
        """Pass on what one turn of the loop has brought, so that the engine's thread wakes once for all of it."""
        self._arrived.put(self._outbox)
        self._outbox = []

    async def _open(self) -> None:
        for model in self._models.values():
            await model.open()

    async def _close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(model.close() for model in self._models.values()), return_exceptions=True)
        await self._loop.shutdown_default_executor()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _stop(self) -> None:
        self._wait(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
