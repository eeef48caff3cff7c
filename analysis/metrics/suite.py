"""Measure a run: what was shown and taken, period by period and over all, by user group and popularity snapshot."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from agents.schema import Ints
from analysis.load import WHOLE
from analysis.metrics.base import Metric, Value
from analysis.metrics.discover import metrics
from analysis.metrics.evidence import Evidence
from analysis.metrics.outcomes import Outcomes
from analysis.metrics.record import WHOLE_RUN, Period, Record, Watch
from simulator.scenario import duration

COLUMNS = (
    "metric",
    "definition_id",
    "outcome",
    "level",
    "on",
    "snapshot",
    "group",
    "day",
    "period",
    "value",
    "n",
    "n_skipped",
)

BEFORE_DAY = COLUMNS.index("day")

PLACED = {"positions", "leaning", "camp", "stated"}
"""Inputs that say where what is judged puts a user among tastes or opinions; profiles put users somewhere too."""

JUDGED = {"slates", "counts", "exposures", "chosen", *PLACED}
"""Inputs that depend on what was shown or taken."""

POPULARITY = {"popularity", "phi"}
"""Inputs that depend on the popularity snapshot."""

STRATA = {"head", "band", "groups", "stratum"}
"""Inputs frozen at the initial popularity."""


def measure(record: Record, watch: Watch = lambda _rows: None) -> pd.DataFrame:
    """Return the measured frame of a run, one row per figure, columns COLUMNS.

    ``on`` is what was judged: items ``shown``, items ``consumed``, the initial ``profile`` (whole run
    only), or the ``user``'s own outcomes. ``snapshot`` says whose popularity was used: ``initial``, that
    of time 0, or ``current``, that at the end of the period; empty where it does not matter. Groups and
    head and tail are frozen at time 0. ``day`` is WHOLE_RUN, or the simulated day, fractions included, on which a
    period begins that is measured alone, not cumulated; ``period`` says how long it is (1d, 6h), or WHOLE.
    A user's list of a period holds each item once, in order of first showing; counts and exposures
    hold every showing. ``group`` is all, a user group, or for metrics of part of the catalog an item
    stratum (``head items``), a digit of semantic IDs (``digit 1``) or a genre (``genre Drama``): opinions of it are
    the ratings given, those known at time 0 where ``on`` is ``profile``. A metric that says nothing without
    what chance gives has three rows more: NAME_null_mean, NAME_null_sd and NAME_z.
    """
    sorts = Sorts.of(metrics())
    judged: dict[float, list[Row]] = {}
    about_users: dict[float, list[Row]] = {}
    for day, period in record.periods(watch):
        only = next(iter(judged.values())) if day == WHOLE_RUN and len(judged) == 1 else None
        judged[day] = only or list(_judged(record, sorts.judged, period))
        about_users[day] = list(_about_users(record, sorts.of_users, period, day))
    profiles = list(_by_snapshot(record, record.known, period, sorts.of_profiles, "profile"))
    days = (WHOLE_RUN, *(day for day in judged if day != WHOLE_RUN))
    parts = {day: [*judged[day], *(profiles if day == WHOLE_RUN else ()), *about_users[day]] for day in days}
    return framed(((day, row) for day in days for row in parts[day]), record.every)


def framed(rows: Iterable[tuple[float, "Row"]], every: float) -> pd.DataFrame:
    """Return rows, each with the day its period of so many minutes begins on, as a frame with COLUMNS."""
    span = duration(every)
    dated = [(*r[:BEFORE_DAY], day, WHOLE if day == WHOLE_RUN else span, *r[BEFORE_DAY:]) for day, r in rows]
    return pd.DataFrame(dated, columns=list(COLUMNS))


@dataclass(frozen=True)
class Sorts:
    """The metrics by what they judge, and within that by what popularity they depend on."""

    judged: "BySnapshot"
    of_profiles: "BySnapshot"
    of_users: tuple[Metric, ...]

    @staticmethod
    def of(every: Sequence[Metric]) -> "Sorts":
        """Return metrics sorted, each sort in their order."""
        judged = [metric for metric in every if JUDGED & set(metric.inputs)]
        of_profiles = [metric for metric in every if _of_profiles(set(metric.inputs))]
        of_users = tuple(metric for metric in every if set(metric.inputs) <= set(Outcomes.__annotations__))
        return Sorts(BySnapshot.of(judged), BySnapshot.of(of_profiles), of_users)


def _of_profiles(inputs: set[str]) -> bool:
    """Tell whether a metric says something of the profiles at time 0 alone."""
    return ("profiles" in inputs and not JUDGED & inputs) or bool(PLACED & inputs and "profile_positions" not in inputs)


@dataclass(frozen=True)
class BySnapshot:
    """Metrics that no popularity enters, only that frozen at time 0, or that of any snapshot."""

    plain: tuple[Metric, ...]
    frozen: tuple[Metric, ...]
    moving: tuple[Metric, ...]

    @staticmethod
    def of(every: Sequence[Metric]) -> "BySnapshot":
        """Return metrics sorted, each sort in their order."""
        moving = tuple(metric for metric in every if POPULARITY & set(metric.inputs))
        rest = [metric for metric in every if not POPULARITY & set(metric.inputs)]
        frozen = tuple(metric for metric in rest if STRATA & set(metric.inputs))
        return BySnapshot(tuple(metric for metric in rest if not STRATA & set(metric.inputs)), frozen, moving)


Row = tuple[str, str, str, str, str, str, str, float, int, int]
"""COLUMNS without the day and the period."""

Figures = list[tuple[Metric, Value]]


def _judged(record: Record, some: BySnapshot, period: Period) -> Iterator[Row]:
    """Yield the figures on what was shown and on what was watched."""
    yield from _by_snapshot(record, record.shown(period), period, some, "shown")
    yield from _by_snapshot(record, record.consumed(period), period, some, "consumed")


def _by_snapshot(record: Record, evidence: Evidence, period: Period, some: BySnapshot, on: str) -> Iterator[Row]:
    """Yield the figures at both popularity snapshots, for all users and by group."""
    later = replace(evidence, popularity=period.popularity)
    sides = (
        ("", evidence, some.plain),
        ("initial", evidence, some.frozen + some.moving),
        ("current", later, some.moving),
    )
    figures = [_measured(inputs, wanted) for _, inputs, wanted in sides]
    for (snapshot, _, _), measured in zip(sides, figures, strict=True):
        yield from rows_of(measured, on, snapshot, "all")
    for group, users in record.groups:
        for (snapshot, inputs, _), measured in zip(sides, figures, strict=True):
            yield from rows_of(_of_users(measured, inputs, users), on, snapshot, group)
    for snapshot, inputs, wanted in sides:
        for needed, part, partial in inputs.parts():
            about = [metric for metric in wanted if needed in metric.inputs]
            yield from rows_of(_measured(partial, about), on, snapshot, part)


def _about_users(record: Record, some: Sequence[Metric], period: Period, day: float) -> Iterator[Row]:
    """Yield the figures on what users did, for all and by group."""
    outcomes = record.outcomes(period, day)
    measured = _measured(outcomes, some)
    yield from rows_of(measured, "user", "", "all")
    for group, users in record.groups:
        yield from rows_of(_of_users(measured, outcomes, users), "user", "", group)


def _measured(inputs: Evidence | Outcomes, some: Sequence[Metric]) -> Figures:
    values = ((metric, metric.measure(inputs)) for metric in some)
    return [(metric, value) for metric, value in values if value is not None]


def _of_users(measured: Figures, inputs: Evidence | Outcomes, users: Ints) -> Figures:
    """Return the figures of some users: means over them where all users have theirs, else measured on them alone."""
    alone = inputs.of_users(users)
    values = ((metric, value.of_users(users) or metric.measure(alone)) for metric, value in measured)
    return [(metric, value) for metric, value in values if value is not None]


def rows_of(measured: Figures, on: str, snapshot: str, group: str) -> Iterator[Row]:
    """Yield the rows of figures, without the day and the period."""
    for metric, value in measured:
        for name, definition_id, figure in metric.figures(value):
            about = (name, definition_id, metric.outcome, metric.level, on, snapshot, group)
            yield (*about, figure, value.n, value.n_skipped)
