"""``bench behaviors``: what it costs to set up a million invented users, and to decide one page of ten items."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.behaviors.affinity import Affinity
from agents.behaviors.base import Behavior
from agents.behaviors.calibrated import Calibrated
from agents.behaviors.cascade import Cascade
from agents.behaviors.uniform import Uniform
from agents.personas.sampled import Sampled
from agents.rhythm import next_visit
from agents.schema import Choices, Pages, Setting
from simulator.cast import history, mean_ratings
from simulator.data.split import split
from simulator.data.synthetic import Synthetic
from simulator.seeds import Streams

SLATE = 10
REPEATS = 9
"""The fastest counts: what else the machine does only ever adds."""


def measure(
    progress: Callable[[str], None],
    users: int = 1_000_000,
    batches: Sequence[int] = (1, 64, 256, 1024, 4096),
    world: str = "small",
    calls: int = 200,
) -> dict[str, Any]:
    """Measure the parts of agents that every page passes, on one core and a synthetic world (small: 1,000 items).

    - ``set_up_s``, ``set_up_mb``: making ``users`` sampled personas and preparing ``calibrated``, with what
      the process has grown by.
    - ``rows``: microseconds of the processor a page per behavior and batch size (contiguous users), the batch of one
      being what a user costs who is answered alone. ``calls`` batches of up to 64 pages are decided in
      one repeat, fewer larger ones.
    - ``next_visit_ns``: one row of the largest batch.
    """
    progress("a world")
    streams = Streams(1)
    data = Synthetic(variant=world).load()
    parts = split(data, 0.0, 0.5, streams)
    items, known = data.catalog.items, history(parts.users)
    popularity = parts.platform.counts(len(items))
    progress(f"{users:,} users")
    start, before = time.perf_counter(), _resident_mb()
    source = np.full(users, -1, dtype=np.int64)
    personas = Sampled().make(source, data.users, known, items, popularity, streams)
    ratings = mean_ratings(parts.platform, len(items))
    setting = Setting(items, personas, known, source, popularity, ratings, data.scale, Choices(), streams, SLATE)
    calibrated = Calibrated()
    calibrated.prepare(setting)
    figures: dict[str, Any] = {"users": users, "set_up_s": time.perf_counter() - start}
    figures["set_up_mb"] = _resident_mb() - before
    rows = figures["rows"] = []
    for behavior in (Uniform(), Cascade(), Affinity(), calibrated):
        name = type(behavior).__name__.lower()
        progress(name)
        if behavior is not calibrated:
            behavior.prepare(setting)
        costs = {f"us_per_page_at_{batch}": _page_us(behavior, _pages(setting, batch), calls) for batch in batches}
        rows.append({"behavior": name, **costs})
    moments, u = np.arange(max(batches)) * 1.0, streams.uniform("u", np.arange(max(batches)))
    figures["next_visit_ns"] = _fastest(lambda: next_visit(moments, 1.0, u), 5) / max(batches) * 1e9
    return figures


def _pages(setting: Setting, count: int) -> Pages:
    """Return full slates of the first users, in the middle of a visit."""
    rows = np.arange(count)
    item_id = (setting.draws.uniform("slate", rows[:, None], np.arange(SLATE)) * len(setting.items)).astype(np.int64)
    return Pages(
        user_id=rows % len(setting.personas),
        now=np.zeros(count),
        page=np.ones(count, dtype=np.int64),
        decision=rows,
        item_id=item_id,
        popularity=setting.popularity[item_id],
        exposures=np.zeros_like(item_id),
        fatigue=np.full(count, 0.2),
        satisfaction=np.full(count, 0.5),
    )


def _page_us(behavior: Behavior, pages: Pages, calls: int) -> float:
    count = len(pages.user_id)
    return _fastest(lambda: behavior.respond(pages), max(1, calls * 64 // max(count, 64))) / count * 1e6


def _fastest(act: Callable[[], object], times: int) -> float:
    """Return the processor seconds of one act, in the fastest of several rows of them."""
    act()
    rows = []
    for _ in range(REPEATS):
        start = time.process_time()
        for _ in range(times):
            act()
        rows.append((time.process_time() - start) / times)
    return min(rows)


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
