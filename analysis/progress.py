"""The live display of runs on stderr: how far, how much, how fast, and two bias figures."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from agents.schema import Floats
from analysis.metrics.concentration import gini_index

if TYPE_CHECKING:
    from simulator.run import Doing, Snapshot

REFRESH_S = 0.25


def live_figures(now: Floats, at_start: Floats) -> str:
    """Return the two live bias figures: Gini of what was taken so far, and the share of it outside the head."""
    taken = now - at_start
    if not taken.sum():
        return ""
    order = np.argsort(-at_start, kind="stable")
    head = order[: max(1, int(np.searchsorted(np.cumsum(at_start[order]), 0.8 * at_start.sum())) + 1)]
    return f"gini {gini_index(taken).value:.3f} tail {1 - taken[head].sum() / taken.sum():.0%}"


def describe(snapshot: "Snapshot") -> str:
    """Return one line on how a run is doing."""
    counts = snapshot.counts
    parts = [f"day {snapshot.day:.1f}/{snapshot.days:g}", f"{counts['pages']:,} pages"]
    if counts["calls"]:
        parts.append(f"{counts['calls'] - counts['cached']:,} calls +{counts['cached']:,} cached")
        if counts["repaired"] or counts["fallback"]:
            parts.append(f"{counts['repaired']} repaired {counts['fallback']} fallback")
        if counts["cost_usd"]:
            parts.append(f"${counts['cost_usd']:.4f}")
    parts.append(live_figures(snapshot.popularity, snapshot.popularity_at_start))
    return " · ".join(part for part in parts if part)


class Display:
    """One bar per run; silent where stderr is no terminal, except for a line per finished bar."""

    def __init__(self, console: Console, names: list[str]) -> None:
        self._console = console
        self._names = names
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[name]}"),
            BarColumn(bar_width=20),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=False,
            disable=not console.is_terminal,
        )
        self._tasks: list[TaskID] = []
        self._seen: dict[int, float] = {}
        self._began = time.monotonic()

    def __enter__(self) -> "Display":
        self._tasks = [self._bars.add_task("waiting", total=1.0, name=name, start=False) for name in self._names]
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def show(self, place: int, snapshot: "Snapshot | Doing | None") -> None:
        """Move a bar; None marks it finished."""
        from simulator.run import Doing  # already there in a process that runs; others need no Mesa

        if snapshot is None:
            self._finish(place)
        elif isinstance(snapshot, Doing):
            self._bars.start_task(self._tasks[place])
            self._bars.update(self._tasks[place], completed=0.0, description=f"{snapshot.what} {snapshot.share:.0%}")
        elif time.monotonic() - self._seen.get(place, 0.0) >= REFRESH_S:
            self._seen[place] = time.monotonic()
            self._bars.start_task(self._tasks[place])
            done = snapshot.day / snapshot.days
            self._bars.update(self._tasks[place], completed=done, description=describe(snapshot))

    def _finish(self, place: int) -> None:
        self._bars.update(self._tasks[place], completed=1.0)
        if not self._console.is_terminal:
            elapsed = time.monotonic() - self._began
            self._console.print(f"{self._names[place]}: finished after {elapsed:.0f} s", style="dim")


@contextmanager
def step(console: Console, what: str) -> Iterator[Callable[[float, str], None]]:
    """Show one bar for a step that reports (share done, word)."""
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=20), console=console, transient=True
    ) as bars:
        task = bars.add_task(what, total=1.0)
        yield lambda share, word: bars.update(task, completed=share, description=f"{what}: {word}")
