"""The one event loop: questions go in from the engine's thread, answers come out."""

import asyncio
import threading
from collections import deque
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any, TypeVar

from agents.errors import InvalidInput
from agents.llm.base import Answer, Kind, LanguageModel, Prompt
from agents.llm.budget import Tally

T = TypeVar("T")


class Dispatcher:
    """Keep many questions in flight at once; a context manager, used from one thread.

    ``models`` are the named entries of the scenario, opened on entry and closed on exit, when what
    is still in flight is cancelled. How many questions a model is sent at once is its own affair
    (``stack.assemble``). Whatever a model raises is raised again by the next ``completed`` or
    ``ask``, and by every one after it.
    """

    def __init__(self, models: Mapping[str, LanguageModel]) -> None:
        self._models = dict(models)
        self._tallies = {name: Tally() for name in models}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="language-models", daemon=True)
        self._changed = threading.Condition()
        self._inbox: deque[tuple[int, str, Prompt]] = deque()
        self._outbox: deque[tuple[int, Answer]] = deque()
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()
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
        self._known(model)
        with self._changed:
            idle = not self._inbox
            self._inbox.append((ticket, model, prompt))
            self._under_way += 1
        if idle:
            self._loop.call_soon_threadsafe(self._start_all)

    def completed(self, block: bool) -> list[tuple[int, Answer]]:
        """Return the answers that have arrived, in any order; with ``block`` wait for at least one.

        Empty, and at once, when nothing is under way.
        """
        with self._changed:
            while block and not self._outbox and self._under_way and self._error is None:
                self._changed.wait()
            if self._error is not None:
                raise self._error
            answers = list(self._outbox)
            self._outbox.clear()
            self._under_way -= len(answers)
        return answers

    def ask(self, model: str, prompt: Prompt) -> Answer:
        """Ask and wait (before time starts: calibration, probes)."""
        self._known(model)
        if self._error is not None:
            raise self._error
        return self._wait(self._answer(model, prompt))

    def sync(self) -> None:
        """Make every answer given so far durable; call it before committing what rests on them."""
        for model in self._models.values():
            model.sync()

    def stats(self) -> dict[str, Tally]:
        """Return the running count per model name (live objects: read, do not change)."""
        return self._tallies

    def kinds(self, model: str) -> frozenset[Kind]:
        """Return the kinds of prompt a named language model can answer."""
        self._known(model)
        return self._models[model].kinds

    def fingerprint(self, model: str) -> str:
        """Return what identifies a named language model in content addresses."""
        self._known(model)
        return self._models[model].fingerprint

    @property
    def under_way(self) -> int:
        """Return how many submitted questions have not come out of ``completed`` yet."""
        return self._under_way

    def _known(self, model: str) -> None:
        if model not in self._models:
            raise InvalidInput(f"no language model is named {model!r}; the llm section has: {', '.join(self._models)}")

    def _start_all(self) -> None:
        """Turn waiting questions into tasks; runs in the loop."""
        with self._changed:
            waiting = list(self._inbox)
            self._inbox.clear()
        for ticket, model, prompt in waiting:
            task = self._loop.create_task(self._deliver(ticket, model, prompt))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(self, ticket: int, model: str, prompt: Prompt) -> None:
        try:
            answer = await self._answer(model, prompt)
        except Exception as error:
            with self._changed:
                self._error = self._error or error
                self._changed.notify_all()
            return
        with self._changed:
            self._outbox.append((ticket, answer))
            self._changed.notify_all()

    async def _answer(self, model: str, prompt: Prompt) -> Answer:
        answer = await self._models[model].ask(prompt)
        self._tallies[model].add(answer)
        return answer

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
