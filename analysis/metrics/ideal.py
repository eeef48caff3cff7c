"""Measure the arms of a study beside its ideal arm, seed by seed."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd

from analysis.load import Cell, Study
from analysis.metrics import beside_ideal
from analysis.metrics.base import Value
from analysis.metrics.beside_ideal import BesideIdeal, nearest_neighbors
from analysis.metrics.lists import Lists
from analysis.metrics.record import WHOLE_RUN, Record
from analysis.metrics.suite import Row, framed, rows_of

IDEAL = "oracle"
"""The kind of recommender that shows users what they want most."""

Sides = dict[str, tuple[Lists, np.ndarray]]
"""What was shown and what was consumed from time 0 on, and how many items each user had watched."""


def ideal_cells(study: Study) -> tuple[Cell, ...]:
    """Return the cells of the first arm whose recommender is the oracle; none where there is no other arm."""
    kinds = {cell.arm: cell.run.manifest["recommender"]["kind"] for cell in study.cells}
    arm = next((arm for arm in study.arms if kinds.get(arm) == IDEAL and len(kinds) > 1), None)
    return () if arm is None else study.of(arm)


def beside(ideal: Cell, cells: Sequence[Cell]) -> Iterator[tuple[Cell, pd.DataFrame]]:
    """Yield each cell with its measured rows beside the ideal cell of the same seed, which may be among them.

    ``day`` is WHOLE_RUN, or that on which a period begins up to whose end all is counted from time 0 on.
    """
    if not cells:
        return
    record = Record(ideal.run)
    made = partial(BesideIdeal, neighbor=nearest_neighbors(record.profiles))
    known = dict(_until(record))
    for cell in cells:
        yield cell, _beside(Record(cell.run), known, made)


def _beside(record: Record, ideal: dict[float, Sides], made: "partial[BesideIdeal]") -> pd.DataFrame:
    """Return the rows of one cell, the whole run first, as in its own measured frame."""
    dated = (
        (day, row) for day, sides in _until(record) for row in _rows(record, sides, ideal[_last(ideal, day)], made)
    )
    return framed(dated, record.every).sort_values("day", kind="stable", ignore_index=True)


def _last(ideal: dict[float, Sides], day: float) -> float:
    """Return the last period up to one in which anything happened in the ideal arm, else its first."""
    days = [there for there in ideal if there != WHOLE_RUN]
    return day if day in ideal else max((there for there in days if there < day), default=min(days, default=WHOLE_RUN))


def _until(record: Record) -> Iterator[tuple[float, Sides]]:
    """Yield for every period, and then for the whole run, what happened from time 0 to its end."""
    shown = consumed = Lists.of_matrix(np.empty((record.n_users, 0), dtype=np.int64))
    watched = np.zeros(record.n_users)
    for day, period in record.periods():
        if day != WHOLE_RUN:
            shown, consumed = (
                Lists.one_after_other([before, now])
                for before, now in ((shown, period.shown), (consumed, period.consumed))
            )
            watched = watched + period.tally.watched
        yield day, {"shown": (shown, watched), "consumed": (consumed, watched)}


def _rows(record: Record, sides: Sides, ideal: Sides, made: "partial[BesideIdeal]") -> Iterator[Row]:
    for on, (lists, watched) in sides.items():
        best, ideal_watched = ideal[on]
        inputs = made(slates=lists, ideal=best, watched=watched, ideal_watched=ideal_watched)
        for metric in beside_ideal.METRICS:
            value = metric.measure(inputs)
            side = on if "slates" in metric.inputs else "user"
            if value is None or (side == "user" and on == "consumed"):
                continue
            yield from rows_of([(metric, value)], side, "", "all")
            for group, users in record.groups:
                part: Value | None = value.of_users(users) or metric.measure(inputs.of_users(users))
                if part is not None:
                    yield from rows_of([(metric, part)], side, "", group)
