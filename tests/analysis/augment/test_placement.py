from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.augment.placement import placed
from analysis.augment.source import Source

Event = tuple[str, str, float]


def source(train: list[Event], held_out: list[Event], end: float) -> Source:
    def frame(events: list[Event]) -> pd.DataFrame:
        return pd.DataFrame(events, columns=["user", "item", "time"]).assign(rating=3.0)

    users = tuple(sorted({user for user, _, _ in [*train, *held_out]}))
    return Source({}, frame(train), frame(held_out), users, pd.DataFrame({"item": ["a", "b"]}), (1.0, 5.0, 1.0), end)


def simulated(*events: tuple[str, float, int]) -> pd.DataFrame:
    columns: Any = ["user", "simulated_minute", "event_id"]
    return pd.DataFrame(events, columns=columns).assign(source_run="r")


def times(rows: pd.DataFrame, user: str) -> list[float]:
    return list(rows[rows["user"] == user].sort_values("event_id")["time"])


def test_rows_divide_the_time_between_what_is_known_and_what_is_held_out() -> None:
    real = source([("u", "a", 100.0)], [("u", "b", 200.0)], end=900.0)
    rows = placed(simulated(("u", 5.0, 0), ("u", 5.0, 1), ("u", 7000.0, 2)), real)
    assert times(rows, "u") == [125.0, 150.0, 175.0]


def test_a_training_row_of_the_moment_of_the_cut_off_is_passed_over() -> None:
    real = source([("u", "a", 100.0), ("u", "a", 200.0)], [("u", "b", 200.0)], end=900.0)
    assert times(placed(simulated(("u", 0.0, 0)), real), "u") == [150.0]


def test_who_has_nothing_earlier_still_comes_before_the_cut_off() -> None:
    real = source([("u", "a", 200.0)], [("u", "b", 200.0)], end=900.0)
    (time,) = times(placed(simulated(("u", 0.0, 0)), real), "u")
    assert time < 200.0


def test_who_has_nothing_held_out_and_who_is_invented_come_before_the_end_of_the_data() -> None:
    real = source([("u", "a", 100.0), ("v", "a", 300.0)], [("v", "b", 400.0)], end=400.0)
    rows = placed(simulated(("u", 0.0, 0), ("invented", 0.0, 1)), real)
    assert times(rows, "u") == [250.0]
    assert times(rows, "invented")[0] < 400.0


def test_rows_are_strictly_before_the_cut_off_where_there_is_hardly_room() -> None:
    moment = 1_763_050_561.0
    real = source([("u", "a", moment - 0.001)], [("u", "b", moment)], end=moment)
    rows = placed(simulated(*[("u", float(n), n) for n in range(20_000)]), real)
    assert rows["time"].max() < moment
    assert rows["time"].min() >= moment - 0.001


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_rows_given_does_not_matter(seed: int) -> None:
    real = source([("u", "a", 100.0), ("v", "a", 120.0)], [("u", "b", 200.0), ("v", "b", 300.0)], end=900.0)
    rows = simulated(*[("uv"[n % 2], float(n // 3), n) for n in range(12)])
    shuffled = rows.iloc[np.random.default_rng(seed).permutation(len(rows))]
    pd.testing.assert_frame_equal(placed(rows, real), placed(shuffled, real))
