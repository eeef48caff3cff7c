"""Reading a run's impressions period by period, and joining the periods' lists."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.load import load
from analysis.metrics.discover import metrics
from analysis.metrics.lists import Lists
from analysis.metrics.periods import by_period
from analysis.metrics.record import Record
from analysis.metrics.suite import measure
from tests.analysis.fake_study import write_run, write_table

SHOWINGS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=60)


def first_showings(rows: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    frame = pd.DataFrame(rows, columns=["user", "item"], dtype=np.int64).drop_duplicates()
    frame = frame.sort_values("user", kind="stable")
    return frame["user"].tolist(), frame["item"].tolist()


def lists_of(rows: list[tuple[int, int]]) -> Lists:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 2)
    return Lists.of_showings(columns[:, 0], columns[:, 1], 5)


@given(SHOWINGS)
def test_lists_hold_each_item_at_its_first_showing(rows: list[tuple[int, int]]) -> None:
    lists = lists_of(rows)
    assert (lists.owner.tolist(), lists.item.tolist()) == first_showings(rows)


@given(st.lists(SHOWINGS, min_size=1, max_size=5))
def test_days_joined_are_the_whole(days: list[list[tuple[int, int]]]) -> None:
    whole = Lists.one_after_other([lists_of(day) for day in days])
    assert (whole.owner.tolist(), whole.item.tolist()) == first_showings([row for day in days for row in day])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", "generative", 7)


def split(run: Path, parts: list[np.ndarray]) -> None:
    """Write the run's impressions as segments of these rows."""
    shown = load(run).impressions
    for place, rows in enumerate(parts):
        write_table(run, "impressions", shown.iloc[rows])
        (run / "log" / "impressions-00000.parquet").rename(run / "log" / f"part-{place}")
    for place in range(len(parts)):
        (run / "log" / f"part-{place}").rename(run / "log" / f"impressions-{place:05d}.parquet")


def test_segments_that_end_within_a_day_or_come_out_of_order_make_the_same_days(run: Path) -> None:
    shown = load(run).impressions
    before = {day: rows["item_id"].tolist() for day, rows in shown.groupby("day")}
    days = shown["day"].to_numpy()
    late, early = np.flatnonzero(days >= 2), np.flatnonzero(days < 2)
    split(run, [late[:50], *np.array_split(early, 3), late[50:]])
    assert {day: rows.item.tolist() for day, rows in by_period(load(run), 1440.0)} == before
    assert [day for day, _ in by_period(load(run), 1440.0)] == [0, 1, 2, 3]


def test_figures_do_not_depend_on_where_segments_end(run: Path) -> None:
    whole = measure(Record(load(run)))
    split(run, np.array_split(np.arange(len(load(run).impressions)), 7))
    pd.testing.assert_frame_equal(measure(Record(load(run))), whole)


def test_popularity_counts_the_first_watch_of_what_a_user_had_not_taken(run: Path) -> None:
    shown, history = load(run).impressions, load(run).history
    taken = set(zip(history["user_id"], history["item_id"], strict=True))
    popularity = load(run).items["initial_count"].to_numpy(float)
    periods = dict(Record(load(run)).periods())
    for day, rows in shown[shown["action"] == "watch"].groupby("day"):
        new = set(zip(rows["user_id"], rows["item_id"], strict=True)) - taken
        popularity += np.bincount([item for _, item in new], minlength=len(popularity))
        taken |= new
        assert periods[day].popularity.tolist() == popularity.tolist()


def test_a_groups_figure_is_that_of_its_users_alone(run: Path) -> None:
    record, frame = Record(load(run)), measure(Record(load(run)))
    first, period = next(iter(record.periods()))
    for group, users in record.groups:
        alone = record.shown(period).of_users(users)
        for metric in metrics():
            rows = frame.query(f"metric == {metric.name!r} and day == {first} and group == {group!r} and on == 'shown'")
            rows = rows[rows["definition_id"] == metric.definition_id].query("snapshot != 'current'")
            if len(rows):
                value = metric.measure(alone)
                assert value is not None
                figure = (rows["value"].item(), rows["n"].item(), rows["n_skipped"].item())
                assert figure == pytest.approx((value.value, value.n, value.n_skipped), nan_ok=True)
