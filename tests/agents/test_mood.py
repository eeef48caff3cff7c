import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agents.mood import CONTENT, NEUTRAL, calmed, forgiven, impatience, pleased, rested, tired, trusting, worth

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
    assert [float(trusting(t, 0.4, 0.9)) for t in fatigue] == trusting(fatigue, np.full(37, 0.4), 0.9).tolist()
    assert [float(forgiven(t, 77.0)) for t in fatigue] == forgiven(fatigue, np.full(37, 77.0)).tolist()


@given(share, share, share)
def test_trust_stays_a_share_and_follows_surprise(trust: float, expected: float, served: float) -> None:
    after = float(trusting(trust, expected, served))
    assert 0 <= after <= 1
    assert (after >= trust) if served >= expected else (after <= trust)
    assert abs(float(forgiven(after, 1000.0)) - NEUTRAL) <= abs(after - NEUTRAL)


def test_who_is_served_badly_again_and_again_loses_trust_and_patience() -> None:
    trust = satisfaction = 0.5
    courses = []
    for watched in (0, 2):
        course = [trust := NEUTRAL]
        for _ in range(20):
            trust = float(trusting(trust, satisfaction, worth(10, watched, 1.0)))
            course.append(trust)
        courses.append(course)
    bad, good = courses
    assert bad == sorted(bad, reverse=True)
    assert good == sorted(good)
    assert float(impatience(bad[-1])) > 1.5
    assert float(impatience(good[-1])) < 0.5
