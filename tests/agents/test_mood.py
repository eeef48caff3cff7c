import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agents.mood import CONTENT, calmed, pleased, rested, tired

share = st.floats(0, 1)


@given(share, st.integers(0, 500), st.floats(0, 1e6))
def test_fatigue_grows_by_reading_and_falls_by_rest(fatigue: float, items: int, away: float) -> None:
    after = float(tired(fatigue, items))
    assert fatigue - 1e-12 <= after <= 1
    assert 0 <= float(rested(after, away)) <= after


@given(share, st.integers(0, 50), st.integers(0, 50), share)
def test_satisfaction_stays_a_share(satisfaction: float, read: int, watched: int, level: float) -> None:
    after = float(pleased(satisfaction, max(read, watched), watched, level))
    assert 0 <= after <= 1
    assert abs(float(calmed(after, 100.0)) - CONTENT) <= abs(after - CONTENT)


def test_more_and_better_finds_please_more() -> None:
    worth = [float(pleased(0.5, 10, watched, level)) for watched, level in [(0, 0.0), (1, 0.5), (1, 1.0), (2, 1.0)]]
    assert worth == sorted(set(worth))


def test_columns_equal_scalars() -> None:
    fatigue = np.linspace(0, 1, 37)
    assert [float(tired(f, 3)) for f in fatigue] == tired(fatigue, np.full(37, 3)).tolist()
    assert [float(rested(f, 77.0)) for f in fatigue] == rested(fatigue, np.full(37, 77.0)).tolist()
