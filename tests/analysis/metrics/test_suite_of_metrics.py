"""Measuring a run folder."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.load import load
from analysis.metrics.record import Record
from analysis.metrics.suite import COLUMNS, WHOLE_RUN, measure

KEY = ["metric", "definition_id", "on", "snapshot", "group", "day"]


def write_run(folder: Path, actions: tuple[str, ...] = ()) -> None:
    """Write a run of two users over two days: four items, user 2 is background."""
    shown = pd.DataFrame(
        [  # day, user, page, position, item, action, rating
            (0, 0, 1, 1, 0, "watch", 5.0),
            (0, 0, 1, 2, 1, "skip", np.nan),
            (0, 0, 2, 1, 2, "unseen", np.nan),
            (0, 1, 1, 1, 0, "skip", np.nan),
            (0, 1, 1, 2, 3, "watch", 3.0),
            (1, 0, 1, 1, 3, "watch", 4.0),
            (1, 0, 1, 2, 1, "skip", np.nan),
        ],
        columns=["day", "user_id", "page", "position", "item_id", "action", "rating"],
    )
    shown = shown.assign(slate_size=2, now=1440.0 * shown["day"])
    shown["action"] = shown["action"].astype("category")
    shown["feedback"] = pd.Categorical(["", "", "", "", "like", "dislike", ""])
    tables = {
        "impressions": shown,
        "sessions": pd.DataFrame(
            {
                "session_id": [0, 1, 2],
                "user_id": [0, 1, 0],
                "start": [10.0, 20.0, 1450.0],
                "end": [30.0, 25.0, 1460.0],
                "pages": [2, 1, 1],
                "satisfaction": [0.5, 0.25, 0.75],
            }
        ),
        "drift": pd.DataFrame(
            {"now": [20.0, 30.0, 1460.0], "user_id": [1, 0, 0], "session_id": [1, 0, 2], "distance": [0.3, 0.5, 0.9]}
        ),
        "users": pd.DataFrame({"user_id": [0, 1]}),
        "items": pd.DataFrame(
            {"item_id": [0, 1, 2, 3], "genres": ["A", "A|B", "B", "C"], "initial_count": [2, 1, 1, 0]}
        ),
        "history": pd.DataFrame({"user_id": [0, 1, 2, 2], "item_id": [1, 0, 0, 2], "rating": 5.0, "time": -1.0}),
    }
    (folder / "log").mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"schema": 1, "actions": actions}))
    for name, table in tables.items():
        table.to_parquet(folder / "log" / f"{name}-00000.parquet")


@pytest.fixture
def frame(tmp_path: Path) -> pd.DataFrame:
    write_run(tmp_path / "run")
    return measure(Record(load(tmp_path / "run")))


def figure(frame: pd.DataFrame, metric: str, on: str, day: int = WHOLE_RUN, group: str = "all", snapshot: str = ""):
    rows = frame.query("metric == @metric and on == @on and day == @day and group == @group and snapshot == @snapshot")
    assert len(rows) == 1
    return rows.iloc[0]


def test_frame_is_tidy(frame: pd.DataFrame) -> None:
    assert tuple(frame.columns) == COLUMNS
    assert not frame.duplicated(KEY).any()
    assert set(frame["on"]) == {"shown", "consumed", "profile", "user"}
    assert set(frame["day"]) == {WHOLE_RUN, 0, 1}


def test_coverage_of_shown_and_consumed_by_day(frame: pd.DataFrame) -> None:
    assert figure(frame, "catalog_coverage", "shown")["value"] == 1.0
    assert figure(frame, "catalog_coverage", "consumed")["value"] == 0.5
    assert figure(frame, "catalog_coverage", "shown", day=1)["value"] == 0.5


def test_popularity_of_both_snapshots(frame: pd.DataFrame) -> None:
    """Day 0: user 0 saw items 0, 1, 2 and user 1 items 0, 3; by its end 0 and 3 each have one taker more."""
    initial = np.mean([(2 + 1 + 1) / 3, (2 + 0) / 2]) / 3
    current = np.mean([(3 + 1 + 1) / 3, (3 + 1) / 2]) / 3
    assert figure(frame, "arp", "shown", 0, snapshot="initial")["value"] == pytest.approx(initial)
    assert figure(frame, "arp", "shown", 0, snapshot="current")["value"] == pytest.approx(current)


def test_exposure_rank_runs_over_pages(frame: pd.DataFrame) -> None:
    weight = 1 / np.log2(1 + np.arange(1, 4))
    x = np.sort([2 * weight[0], weight[1], weight[2], weight[1]])
    gini = ((2 * np.arange(1, 5) - 5) * x).sum() / (4 * x.sum())
    assert figure(frame, "exposure_gini", "shown", 0)["value"] == pytest.approx(gini)


def test_a_list_holds_a_repeated_item_once_and_counts_hold_every_showing(frame: pd.DataFrame) -> None:
    assert figure(frame, "tail_exposure_share", "shown", snapshot="initial")["n"] == 7
    lists = figure(frame, "mean_pairwise_jaccard", "shown")
    assert lists["value"] == pytest.approx(2 / 4)


def test_user_outcomes(frame: pd.DataFrame) -> None:
    assert figure(frame, "view_ratio", "user")["value"] == pytest.approx(np.mean([2 / 5, 1 / 2]))
    assert figure(frame, "like_ratio", "user")["value"] == pytest.approx(np.mean([1.0, 0.0]))
    assert figure(frame, "n_likes", "user")["value"] == 1.0
    assert figure(frame, "exit_page", "user")["value"] == pytest.approx(np.mean([1.5, 1.0]))
    assert figure(frame, "session_length", "user")["value"] == pytest.approx(np.mean([15.0, 5.0]))
    second = figure(frame, "satisfaction", "user", 1)
    assert (second["value"], second["n"], second["n_skipped"]) == (0.75, 1, 1)


def test_groups_partition_the_users(frame: pd.DataFrame) -> None:
    rows = frame.query("metric == 'popularity_lift' and on == 'shown' and day == -1 and snapshot == 'initial'")
    parts = rows.query("group != 'all'")
    assert parts["n"].sum() == rows.query("group == 'all'")["n"].item() == 2


def test_a_run_in_which_nobody_came_has_no_figure_but_nan(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    for name in ("impressions", "sessions"):
        (tmp_path / "run" / "log" / f"{name}-00000.parquet").unlink()
    frame = measure(Record(load(tmp_path / "run")))
    assert np.isnan(figure(frame, "gini_index", "shown")["value"])
    assert np.isnan(figure(frame, "satisfaction", "user")["value"])


def test_likes_are_what_users_said_where_they_could(tmp_path: Path, frame: pd.DataFrame) -> None:
    write_run(tmp_path / "liking", ("watch", "like"))
    told = measure(Record(load(tmp_path / "liking")))
    assert [figure(found, "n_likes", "user")["value"] for found in (frame, told)] == [1.0, 0.5]
    assert figure(told, "like_ratio", "user")["value"] == pytest.approx(np.mean([0.0, 1.0]))


def test_tastes_that_moved_are_a_figure_of_the_last_visit(tmp_path: Path, frame: pd.DataFrame) -> None:
    assert figure(frame, "interest_drift", "user")["value"] == pytest.approx((0.9 + 0.3) / 2)
    assert figure(frame, "interest_drift", "user", day=0)["value"] == pytest.approx((0.5 + 0.3) / 2)
    assert figure(frame, "interest_drift", "user", day=1)["value"] == pytest.approx(0.9)
    (tmp_path / "run" / "log" / "drift-00000.parquet").unlink()
    assert "interest_drift" not in set(measure(Record(load(tmp_path / "run")))["metric"])


def test_opinions_of_a_genre_are_the_ratings_given(tmp_path: Path, frame: pd.DataFrame) -> None:
    write_run(tmp_path / "rating", ("watch", "rate"))
    told = measure(Record(load(tmp_path / "rating")))
    assert figure(told, "opinion", "consumed", group="genre A")["value"] == 5.0
    both = figure(told, "opinion", "consumed", group="genre C")
    assert (both["value"], both["n"]) == ((3.0 + 4.0) / 2, 2)
    second = figure(told, "opinion", "consumed", day=1, group="genre C")
    assert (second["value"], second["n"], second["n_skipped"]) == (4.0, 1, 1)
    nobody = figure(told, "opinion", "consumed", group="genre B")
    assert np.isnan(nobody["value"])
    assert nobody["n"] == 0
    assert figure(told, "opinion", "profile", group="genre B")["n"] == 1
    assert "opinion" not in set(frame["metric"]), "users who cannot rate have none"
