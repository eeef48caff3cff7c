import numpy as np
import pytest

from simulator.recommenders.random import Random
from simulator.window import Horizon, Version


def seen(horizon: Horizon, now: float) -> int:
    """The number of the version that is visible at a moment."""
    versions, which = horizon.visible(np.array([now]))
    return versions[which[0]].number


def version(number: int, popularity: list[float]) -> Version:
    return Version(Random(), number, np.array(popularity))


@pytest.mark.parametrize("lag", [1, 2, 3])
def test_users_see_the_version_committed_lag_windows_earlier(lag: int) -> None:
    horizon = Horizon(15.0, lag, version(0, [1.0]))
    for window in range(10):
        horizon.commit(version(window + 1, [1.0]))
        last = horizon.limit - 1e-9
        assert last // 15.0 == window + lag
        assert seen(horizon, last) == window + 1
        assert seen(horizon, last - 15.0 * (lag - 1)) == max(window + 2 - lag, 0)


def test_before_anything_is_committed_users_see_the_first_version() -> None:
    horizon = Horizon(15.0, 2, version(7, [1.0]))
    assert horizon.limit == 30.0
    assert {seen(horizon, now) for now in (0.0, 14.9, 15.0, 29.9)} == {7}


def test_popularity_ranks_break_ties_by_item_id() -> None:
    assert version(0, [2.0, 5.0, 2.0, 0.0]).popularity_rank.tolist() == [2, 1, 3, 4]


def test_a_batch_sees_what_each_of_its_moments_sees() -> None:
    horizon = Horizon(15.0, 2, version(0, [1.0]))
    for window in range(5):
        horizon.commit(version(window + 1, [1.0]))
    moments = np.array([100.0, 60.0, 89.0, 75.0])
    versions, which = horizon.visible(moments)
    assert [versions[place].number for place in which] == [seen(horizon, now) for now in moments] == [5, 3, 4, 4]
