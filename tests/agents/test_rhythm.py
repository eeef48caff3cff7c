import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agents.rhythm import DAY, _day_time, _mass, next_visit, nth_visit
from simulator.seeds import Streams

moments = st.integers(0, 2**40).map(lambda ticks: ticks / 1024)


@given(moments, st.floats(0.01, 50), st.floats(0, 1, exclude_max=True))
def test_next_visit_is_later_and_on_the_grid(now: float, per_day: float, u: float) -> None:
    then = float(next_visit(now, per_day, u))
    assert then > now
    assert (then * 1024).is_integer()


@given(st.floats(0, 5 * DAY), st.floats(0.1, 10), st.floats(0.001, 0.999))
def test_inversion_is_exact(now: float, per_day: float, u: float) -> None:
    days = np.array([now, float(next_visit(now, per_day, u))]) / DAY
    before, after = np.floor(days) + _mass(days - np.floor(days))
    assert abs(per_day * (after - before) + np.log1p(-u)) < per_day * 2 / 1024 / DAY * 1.9 + 1e-9


def test_columns_equal_scalars() -> None:
    u = Streams(1).uniform("u", np.arange(2000))
    now = 7000 * Streams(1).uniform("now", np.arange(2000))
    column = next_visit(now, 1.7, u)
    assert [float(next_visit(n, 1.7, x)) for n, x in zip(now, u, strict=True)] == column.tolist()


def test_day_times_invert_the_mass_far_below_a_tick() -> None:
    x = np.linspace(0, 1, 100_001)[:-1]
    assert np.abs(_day_time(_mass(x)) - x).max() * DAY * 1024 < 1e-5


def test_rate_and_hours_are_as_declared() -> None:
    streams = Streams(2)
    now = np.zeros(4000)
    hours: list[float] = []
    visits = np.zeros(4000)
    for n in range(30):
        now = next_visit(now, 2.0, streams.uniform("u", np.arange(4000), n))
        visits += now < 5 * DAY
        hours += (now[now < 5 * DAY] % DAY / 60).tolist()
    assert abs(visits.mean() / 10 - 1) < 0.03
    counts = np.histogram(hours, bins=24, range=(0, 24))[0]
    assert counts.argmax() in range(18, 22)
    assert counts.max() > 3 * counts.min()


@given(st.integers(0, 500), st.floats(0.1, 20), st.floats(0, 1, exclude_max=True))
def test_a_visit_in_rounds_falls_into_the_second_half_of_its_own(number: int, per_day: float, u: float) -> None:
    then = float(nth_visit(0.0, number, per_day, u))
    assert (number + 0.5) * DAY / per_day <= then <= (number + 1) * DAY / per_day + 1 / 1024
    assert (then * 1024).is_integer()


def test_who_is_late_for_a_round_visits_at_once() -> None:
    assert float(nth_visit(5000.0, 1, 1.0, 0.5)) == 5000.0 + 1 / 1024
