"""Run independent jobs side by side, each in a process of its own on this machine."""

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from agents.errors import Degraded, Interrupted, MissingResource, TasteloopError

POLL_S = 0.2
"""How often the parent looks whether it was asked to stop."""

REPORT_S = 0.25
"""A worker tells of its progress no more often than this."""

Report = Callable[[Any], None]
"""Called with a job's progress."""

Stop = Callable[[], bool]
Perform = Callable[[int, Report, Stop], None]
"""Do one job; raise Interrupted soon after ``stop`` says so."""

Open = Callable[[], AbstractContextManager[Perform]]
"""Make what a worker's jobs share. It is sent to the workers, so it must be importable by name."""

Watch = Callable[[int, Any], None]
"""Called with a job and its progress (None: it is done)."""


def cores(threads: int) -> int:
    """Return how many jobs of so many threads this process may run at once."""
    return max(1, len(os.sched_getaffinity(0)) // threads)


def use_threads(count: int) -> None:
    """Set the threads of torch, once for the whole process, whether it is loaded already or will be.

    One number for everything: rounding, and with it the log, depends on it, and it is in the manifest.
    """
    os.environ["OMP_NUM_THREADS"] = str(count)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)


class Queue:
    """Jobs that wait; those of one group go to one worker as long as others find something else to do."""

    def __init__(self, jobs: Iterable[tuple[int, Hashable]]) -> None:
        self._groups: dict[Hashable, list[int]] = {}
        for job, group in jobs:
            self._groups.setdefault(group, []).append(job)
        self._taken: dict[Hashable, int] = {}

    def __bool__(self) -> bool:
        return bool(self._groups)

    def take(self, worker: int) -> int:
        """Return the next job for a worker: of its own group, else of one that nobody has, else of the longest."""
        own = [group for group in self._groups if self._taken.get(group) == worker]
        free = [group for group in self._groups if group not in self._taken]
        group = (own or free or [max(self._groups, key=lambda group: len(self._groups[group]))])[0]
        self._taken.setdefault(group, worker)
        job = self._groups[group].pop(0)
        if not self._groups[group]:
            del self._groups[group]
        return job


def side_by_side(jobs: Iterable[tuple[int, Hashable]], opened: Open, workers: int, watch: Watch, stop: Stop) -> None:
    """Do every job (its number, its group) in ``workers`` processes.

    Where one fails the others are stopped as ``stop`` stops them, at a moment of their own choosing,
    and its error is raised here. Degraded is raised when all are done.
    """
    with _processes(opened, workers) as lines:
        _Foreman(lines, Queue(jobs), watch).direct(stop)


class _Foreman:
    """Hand out jobs, pass on news, and remember what went wrong."""

    def __init__(self, lines: dict[Connection, SpawnProcess], queue: Queue, watch: Watch) -> None:
        self._lines = lines
        self._queue = queue
        self._watch = watch
        self._busy: dict[Connection, int] = {}
        self._stopping = False
        self._degraded: list[Degraded] = []
        self._failed: list[BaseException] = []

    def direct(self, stop: Stop) -> None:
        """Stay until every job is done or every worker has stopped; raise what must be raised."""
        self._hand_out()
        while self._busy:
            for line in wait(list(self._busy), POLL_S):
                assert isinstance(line, Connection)
                self._hear(line)
            if not self._stopping and (self._failed or stop()):
                self._stopping = True
                for line in self._busy:
                    _tell(line, None)
            self._hand_out()
        if self._failed or self._degraded:
            raise (self._failed or self._degraded)[0]
        if self._queue:
            raise Interrupted("stopped")

    def _hand_out(self) -> None:
        for worker, line in enumerate(self._lines):
            if self._queue and not self._stopping and line not in self._busy:
                self._busy[line] = self._queue.take(worker)
                _tell(line, self._busy[line])

    def _hear(self, line: Connection) -> None:
        job = self._busy[line]
        try:
            news = line.recv()
        except (EOFError, OSError):
            process = self._lines[line]
            process.join()
            news = MissingResource(
                f"a process of the study ended unasked, with exit code {process.exitcode} (-9 often means too little "
                "memory); its cell can be resumed"
            )
        if news is None or isinstance(news, BaseException):
            del self._busy[line]
        if isinstance(news, Degraded):
            self._degraded.append(news)
        elif isinstance(news, BaseException):
            self._failed.append(news)
            return
        self._watch(job, None if isinstance(news, Degraded) else news)


def _tell(line: Connection, word: int | None) -> None:
    """Send a job, or the wish to stop; a worker that is gone is found out by listening to it."""
    with suppress(OSError):
        line.send(word)


@contextmanager
def _processes(opened: Open, workers: int) -> Iterator[dict[Connection, SpawnProcess]]:
    """Start the workers and leave none behind."""
    context = multiprocessing.get_context("spawn")
    lines: dict[Connection, SpawnProcess] = {}
    try:
        with _deaf():
            for _ in range(workers):
                here, there = context.Pipe()
                process = context.Process(target=_work, args=(opened, there), daemon=True)
                process.start()
                there.close()
                lines[here] = process
        yield lines
        for line in lines:
            line.close()
        for process in lines.values():
            process.join()
    finally:
        for process in lines.values():
            process.kill()
            process.join()


@contextmanager
def _deaf() -> Iterator[None]:
    """Let processes begin with Ctrl-C and SIGTERM blocked, which a terminal sends to all: this one passes them on."""
    resource_tracker.ensure_running()  # it unblocks them where it begins
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(opened: Open, line: Connection) -> None:
    """Do the jobs that come down the line until it closes; what is said during a job means: stop."""
    die_with_parent()
    with ExitStack() as stack, suppress(EOFError):
        try:
            perform = stack.enter_context(opened())
        except Exception as error:
            line.send(_noted(error))
            return
        while True:
            job = line.recv()
            if job is not None:  # a wish to stop that came when the job was done already
                line.send(_done(perform, job, line))


def _done(perform: Perform, job: int, line: Connection) -> Exception | None:
    """Do one job; return its error, if any."""
    told = 0.0

    def report(progress: Any) -> None:
        nonlocal told
        if time.monotonic() - told >= REPORT_S:
            told = time.monotonic()
            line.send(progress)

    try:
        perform(job, report, line.poll)
    except Exception as error:
        return _noted(error)
    return None


def _noted(error: Exception) -> Exception:
    """Return an error with the traceback that it would lose on its way, where it is a bug."""
    if not isinstance(error, TasteloopError):
        error.add_note(traceback.format_exc())
    return error


def die_with_parent() -> None:
    """End this process, as a kill would, when its parent is gone."""
    threading.Thread(target=_outlived, daemon=True).start()


def _outlived() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
