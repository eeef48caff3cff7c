"""Several runs that differ in declared ways, under common random numbers."""

import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from agents.errors import BudgetExhausted, Degraded, Interrupted
from simulator.agenda import Agenda
from simulator.cast import Cast, choose, gather, known_at_start, load
from simulator.execution.pool import Open, Perform, Report, cores, die_with_parent, side_by_side, use_threads
from simulator.execution.tasks import on_cluster
from simulator.fits import Fits
from simulator.manifest import read_json, write_json
from simulator.opening import released
from simulator.run import Doing, Snapshot, Stop, budget_of, models, run
from simulator.scenario import Scenario
from simulator.scenario_file import digest, expand, points
from simulator.seeds import Streams

CellWatch = Callable[[int, Snapshot | Doing | None], None]
"""Called with a cell's place and its progress (None: the cell is finished)."""

After = Callable[[Path], None]
"""Called with the folder of a cell that has finished; importable by name, for it is sent to other processes."""


@dataclass(frozen=True)
class Cell:
    """One run of a study."""

    arm: str
    seed: int
    point: int
    """Place among the points of the grid."""
    scenario: Scenario
    folder: Path

    @property
    def finished(self) -> bool:
        """Say whether the folder holds a finished run of exactly this scenario."""
        path = self.folder / "manifest.json"
        if not path.exists():
            return False
        manifest = read_json(path)
        return (manifest["status"], manifest["scenario_digest"]) == ("finished", digest(self.scenario))


def cells(scenario: Scenario, folder: Path) -> list[Cell]:
    """Return every cell of a study, seed by seed, point by point of its grid, arms in the order of the file."""
    every = sorted(expand(scenario), key=lambda part: (part.seed, part.point))
    several = len(points(scenario.study)) > 1
    names = [f"{part.arm}-s{part.seed}" + (f"-g{part.point}" if several else "") for part in every]
    return [
        Cell(part.arm, part.seed, part.point, part.scenario, folder / "cells" / name)
        for part, name in zip(every, names, strict=True)
    ]


def study(
    scenario: Scenario,
    folder: Path,
    *,
    replay: Path | None = None,
    watch: CellWatch = lambda _cell, _snapshot: None,
    stop: Stop = lambda: False,
    after: After | None = None,
    cluster: int = 0,
) -> dict[str, Any]:
    """Run every cell that is not finished yet and return the content of ``study.json``.

    Cells with language models share one process, one set of loaded models and one journal, while a
    second process fits recommenders ahead; others run side by side, one per core. With ``cluster``,
    the jobs that the Ray cluster can do at once, the former spread their users over it in so many
    shards, and the latter are its tasks. ``after`` is called with each cell's folder by the process
    that ran it.
    """
    every = cells(scenario, folder)
    folder.mkdir(parents=True, exist_ok=True)
    _write(scenario, folder, every)
    waiting = [place for place, cell in enumerate(every) if not cell.finished]
    for place in set(range(len(every))) - set(waiting):
        watch(place, None)
    use_threads(scenario.engine.threads)  # other processes inherit it
    talking = any(cell.scenario.llm for cell in every)
    opened = partial(open_cells, scenario, folder.absolute(), replay, after, shards=cluster if talking else 0)
    try:
        if cluster and not talking:
            on_cluster(waiting, opened, scenario.engine.threads, watch, stop)
        elif talking or _workers(every, waiting) <= 1:
            _in_turn(every, waiting, opened, watch, stop)
        else:
            _side_by_side(every, waiting, opened, watch, stop)
    except (BudgetExhausted, Interrupted) as error:
        why = str(error).partition("; continue")[0]
        raise type(error)(f"{why}; continue with: python run_sim.py resume {folder}") from error
    finally:
        content = _write(scenario, folder, every)
    return content


def _workers(every: Sequence[Cell], waiting: Sequence[int]) -> int:
    return min(cores(every[0].scenario.engine.threads), len(waiting))


def _side_by_side(every: Sequence[Cell], waiting: Sequence[int], opened: Open, watch: CellWatch, stop: Stop) -> None:
    """Run cells in a process per core; a cast is gathered by as few of them as keeps all busy."""
    jobs = [(place, cast_key(every[place].scenario)) for place in waiting]
    side_by_side(jobs, opened, _workers(every, waiting), watch, stop)


def _in_turn(
    every: Sequence[Cell],
    waiting: Sequence[int],
    opened: Callable[..., AbstractContextManager[Perform]],
    watch: CellWatch,
    stop: Stop,
) -> None:
    """Run cells one after another in this process."""
    if not waiting:
        return
    degraded: list[Degraded] = []
    with fitting_ahead(every, waiting) as ready, opened(ready=ready) as perform:
        for place in waiting:
            try:
                perform(place, partial(watch, place), stop)
            except Degraded as error:
                degraded.append(error)
            watch(place, None)
    if degraded:
        raise degraded[0]


@contextmanager
def open_cells(
    scenario: Scenario,
    folder: Path,
    replay: Path | None,
    after: After | None,
    ready: Callable[[int], None] = lambda _: None,
    shards: int = 0,
) -> Iterator[Perform]:
    """Open what the cells run by one process share; yield a function that runs one by its place.

    ``ready`` waits for a cell's initial fit where another process may be making it; ``shards`` as for ``run``.
    """
    every = cells(scenario, folder)
    budget = budget_of(every[0].scenario)
    casts: dict[str, Cast] = {}
    with models(scenario, folder / "answers.journal", replay) as dispatcher:

        def perform(place: int, report: Report, stop: Stop) -> None:
            nonlocal casts
            cell = every[place]
            key = cast_key(cell.scenario)
            if key not in casts:
                casts = {key: gather(cell.scenario, dispatcher, lambda *doing: report(Doing(*doing)))}
            report(Doing(0.0, "fitting the recommender"))
            ready(place)
            try:
                run(
                    cell.scenario,
                    cell.folder,
                    dispatcher,
                    budget,
                    cast=casts[key],
                    arm=cell.arm,
                    watch=report,
                    stop=stop,
                    shards=shards,
                )
            finally:
                if after and cell.finished:
                    after(cell.folder)

        yield perform


def cast_key(scenario: Scenario) -> str:
    """Return a hash of all that a cast depends on: arms that agree in it share one."""
    parts = scenario.model_dump(mode="json", include={"seed", "data", "users", "behavior", "choice", "llm", "social"})
    parts["slate_size"] = scenario.recommender.slate_size
    return blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).hexdigest()


def _write(scenario: Scenario, folder: Path, every: Sequence[Cell]) -> dict[str, Any]:
    """Write ``study.json``: which cells there are and how each ended."""
    assert scenario.study is not None
    rows = []
    for cell in every:
        path = cell.folder / "manifest.json"
        manifest = read_json(path) if path.exists() else {}
        place = {"point": cell.point, "folder": str(cell.folder.relative_to(folder))}
        ended = {"status": manifest.get("status", "waiting"), "log_digest": manifest.get("log_digest")}
        rows.append({"arm": cell.arm, "seed": cell.seed} | place | ended)
    content = {
        "schema": 1,
        "name": scenario.name,
        "baseline": scenario.study.baseline,
        "arms": scenario.study.every_arm,
        "seeds": sorted({cell.seed for cell in every}),
        "points": points(scenario.study),
        "hypotheses": [hypothesis.model_dump() for hypothesis in scenario.study.hypotheses],
        "cells": rows,
    }
    write_json(folder / "study.json", content)
    return content


@contextmanager
def fitting_ahead(every: Sequence[Cell], waiting: Sequence[int]) -> Iterator[Callable[[int], None]]:
    """Fit initial recommenders in a second process, last cell first; yield a wait for a cell's own fit.

    A fit that has not begun when its cell's turn comes is left to the cell itself. One fit is handed
    over at a time, because an executor counts what it has queued as begun.
    """
    ahead = list(waiting[1:])
    begun: dict[int, Future[None]] = {}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=die_with_parent) as pool:

        def begin_next(_done: Future[None] | None = None) -> None:
            if ahead:
                place = ahead.pop()
                begun[place] = pool.submit(fit_first, every[place].scenario, every[place].folder)
                begun[place].add_done_callback(begin_next)

        def ready(place: int) -> None:
            if place in ahead:
                ahead.remove(place)
            if place in begun:
                begun[place].result()

        try:
            begin_next()
            yield ready
        finally:
            ahead.clear()
            pool.shutdown(wait=False, cancel_futures=True)


def fit_first(scenario: Scenario, folder: Path) -> None:
    """Fit a run's initial recommender into its checkpoints, exactly as the run itself would."""
    use_threads(scenario.engine.threads)
    dataset, parts = load(scenario)
    source_user = choose(dataset, scenario, Streams(scenario.seed))
    counts = parts.platform.counts(len(dataset.catalog))
    agenda = Agenda(scenario, dataset.catalog, counts, len(source_user), dataset.scale)
    known = released(known_at_start(parts.platform, source_user), agenda.unreleased)
    section = scenario.recommender
    fits = Fits(folder / "checkpoints", section.spec(), scenario.seed, dataset.catalog, warm=section.warm)
    fits.fit(0, known, None)
