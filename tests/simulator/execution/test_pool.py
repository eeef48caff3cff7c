"""Jobs side by side: who gets which, and how errors, stops and deaths end."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from agents.errors import BudgetExhausted, Degraded, Interrupted, MissingResource
from simulator.execution.pool import Perform, Queue, Report, Stop, side_by_side


@contextmanager
def opened() -> Iterator[Perform]:
    """Yield a job that does what its number says."""

    def perform(job: int, report: Report, stop: Stop) -> None:
        report(f"{job} begins")
        match job:
            case 1:
                raise BudgetExhausted("budget.minutes reached")
            case 2:
                raise Degraded("too many fallbacks")
            case 3:
                raise ZeroDivisionError("a bug")
            case 4:
                os.kill(os.getpid(), signal.SIGKILL)
            case 5:
                while not stop():
                    time.sleep(0.01)
                raise Interrupted("stopped at a window's end")

    yield perform


@contextmanager
def broken() -> Iterator[Perform]:
    """Fail before any job."""
    raise MissingResource("no such data")
    yield


def run(*jobs: int) -> list[tuple[int, Any]]:
    """Do the jobs in two processes; return what was told, and check that nobody is left."""
    told: list[tuple[int, Any]] = []
    try:
        side_by_side(((job, job) for job in jobs), opened, 2, lambda *news: told.append(news), lambda: False)
    finally:
        assert multiprocessing.active_children() == []
    return told


def test_every_job_is_done_and_tells() -> None:
    told = run(10, 11, 12)
    assert {job for job, news in told if news is None} == {10, 11, 12}
    assert (10, "10 begins") in told


def test_an_error_stops_the_others_and_comes_out_as_it_was() -> None:
    with pytest.raises(BudgetExhausted, match="minutes reached"):
        run(1, 5)


def test_a_degraded_job_lets_the_others_finish() -> None:
    done: list[int] = []
    with pytest.raises(Degraded):
        side_by_side([(2, 2), (10, 10), (11, 11)], opened, 2, lambda job, news: done.append(job), lambda: False)
    assert {2, 10, 11} <= set(done)


def test_a_bug_comes_with_the_traceback_it_would_have_lost() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run(3, 5)
    assert "case 3" not in str(caught.value)
    assert any("in perform" in note for note in caught.value.__notes__)


def test_a_killed_process_is_an_error_not_a_hang() -> None:
    with pytest.raises(MissingResource, match="-9"):
        run(4, 5)


def test_a_wish_to_stop_reaches_running_jobs_and_keeps_the_rest_from_beginning() -> None:
    began: list[int] = []
    with pytest.raises(Interrupted):
        side_by_side([(5, 5), (5, 6), (10, 7)], opened, 2, lambda job, _: began.append(job), lambda: True)
    assert 10 not in began


def test_what_jobs_share_may_fail_to_open() -> None:
    with pytest.raises(MissingResource, match="no such data"):
        side_by_side([(10, 10)], broken, 1, lambda *_: None, lambda: False)


def test_groups_stay_together_until_hands_are_idle() -> None:
    queue = Queue((job, job // 4) for job in range(12))
    first, second = [queue.take(0) for _ in range(4)], [queue.take(1) for _ in range(4)]
    assert (first, second) == ([0, 1, 2, 3], [4, 5, 6, 7])
    assert [queue.take(worker) for worker in (0, 1, 0, 1)] == [8, 9, 10, 11]
    assert not queue
