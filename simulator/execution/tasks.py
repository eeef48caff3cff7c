"""Do independent jobs on a Ray cluster, each as a task."""

import time
from typing import TYPE_CHECKING, Any

from agents.errors import Degraded, Interrupted
from simulator.execution.cluster import AGAIN, told_apart
from simulator.execution.pool import POLL_S, REPORT_S, Open, Stop, Watch, use_threads

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray.actor import ActorHandle


class News:
    """Where tasks tell how far they are, and are told to stop."""

    def __init__(self) -> None:
        self._told: dict[int, Any] = {}
        self._stopping = False

    def tell(self, job: int, progress: Any) -> bool:
        """Take note of a job's progress; return whether it is to stop."""
        if progress is not None:
            self._told[job] = progress
        return self._stopping

    def take(self, stopping: bool) -> dict[int, Any]:
        """Return the latest progress of each job that told of any since; from now on tell all to stop, or not."""
        told, self._told, self._stopping = self._told, {}, stopping
        return told


def on_cluster(jobs: list[int], opened: Open, threads: int, watch: Watch, stop: Stop) -> None:
    """Do every job on the cluster that this process is connected to.

    Where one fails the others are stopped as ``stop`` stops them, and its error is raised here. Degraded is raised
    when all are done.
    """
    import ray

    news = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(News).remote()  # it may be lost with its node
    task = ray.remote(num_cpus=threads, max_retries=AGAIN)(_done)
    under_way = {task.remote(opened, job, threads, news): job for job in jobs}
    failed: list[BaseException] = []
    degraded: list[Degraded] = []
    try:
        while under_way:
            with told_apart():
                ready, _ = ray.wait(list(under_way), timeout=POLL_S)
                for job, progress in ray.get(news.take.remote(bool(failed) or stop())).items():
                    watch(job, progress)
            for ref in ready:
                job = under_way.pop(ref)
                error = _error(ref)
                if isinstance(error, Degraded):
                    degraded.append(error)
                elif error is not None:
                    failed.append(error)
                    continue
                watch(job, None)
    finally:
        for ref in under_way:
            ray.cancel(ref, force=True)
        ray.kill(news)
    if failed or degraded:
        raise (failed or degraded)[0]


def _error(ref: "ObjectRef[None]") -> Exception | None:
    """Return what a task raised, if anything."""
    import ray

    try:
        with told_apart():
            ray.get(ref)
    except Exception as error:
        return error
    return None


def _done(opened: Open, job: int, threads: int, news: "ActorHandle[News]") -> None:
    """Do one job in a worker; what it tells of is at most so often told as it is listened to."""
    import ray

    use_threads(threads)
    asked: list[Any] = [0.0, None, False]  # when the last word was sent, that word, whether to stop

    def stopping(progress: Any = None) -> bool:
        sent, word, stop = asked
        if word is not None and ray.wait([word], timeout=0)[0]:
            word, stop = None, stop or ray.get(word)
        if word is None and time.monotonic() - sent >= REPORT_S:
            sent, word = time.monotonic(), news.tell.remote(job, progress)
        asked[:] = sent, word, stop
        return bool(stop)

    def report(progress: Any) -> None:
        stopping(progress)

    if ray.get(news.tell.remote(job, None)):
        raise Interrupted("stopped")
    with opened() as perform:
        perform(job, report, stopping)
