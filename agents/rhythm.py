"""When users visit: at random by the hours of the day, or in rounds.

By the hours they come as a Poisson process does. Its rate at day time x in [0, 1) is
``per_day`` x (1 + sum_k a_k cos(2 pi k (x - p_k))) with two harmonics: a daily one that peaks in the evening and a
half-daily one that adds a morning shoulder.
MovieLens times are entry times and say nothing of visits, so the shape is a declared assumption.
"""

import numpy as np
import numpy.typing as npt

from agents.schema import Floats

DAY = 1440.0
TICKS = 1024.0
"""Moments are multiples of 1/TICKS minute, so that sums of durations are exact."""

_HARMONICS = ((1.0, 0.6, 20.0 / 24), (2.0, 0.2, 9.0 / 24))
"""(cycles a day, relative amplitude, time of the peak); the amplitudes sum to less than 1."""


def _intensity(x: Floats) -> Floats:
    """Return the rate at day time x relative to its daily mean."""
    rate = np.ones_like(x)
    for cycles, amplitude, peak in _HARMONICS:
        rate = rate + amplitude * np.cos(2 * np.pi * cycles * (x - peak))
    return rate


def _mass(x: Floats) -> Floats:
    """Return the share of a day's visits expected before day time x (0 at 0, 1 at 1)."""
    total = x
    for cycles, amplitude, peak in _HARMONICS:
        turn = 2 * np.pi * cycles
        total = total + amplitude / turn * (np.sin(turn * (x - peak)) + np.sin(turn * peak))
    return total


_KNOTS = np.linspace(0.0, 1.0, 1441)
_MASS_AT_KNOTS = _mass(_KNOTS)


def _day_time(mass: Floats) -> Floats:
    """Return the day time before which a share of the day's visits is expected.

    Linear interpolation between one-minute knots is within a millionth of a day; a Newton step squares
    that error, which leaves it a million times below the resolution of 1/1024 minute.
    """
    x = np.asarray(np.interp(mass, _MASS_AT_KNOTS, _KNOTS))
    return x - (_mass(x) - mass) / _intensity(x)


def next_visit(now: npt.ArrayLike, per_day: npt.ArrayLike, u: npt.ArrayLike) -> Floats:
    """Return the moment (minutes, a multiple of 1/1024, later than ``now``) of the next visit.

    ``u`` are uniforms in [0, 1): the wait is the exact inverse of the process's distribution, so
    that visits of a day are spread as its intensity is.

    >>> float(next_visit(0.0, 1.0, 0.5)) > 0
    True
    """
    days = np.asarray(now, dtype=np.float64) / DAY
    whole = np.floor(days)
    target = whole + _mass(days - whole) - np.log1p(-np.asarray(u)) / np.asarray(per_day)
    day = np.floor(target)
    moment = (day + _day_time(target - day)) * DAY
    return _after(now, moment)


def nth_visit(now: npt.ArrayLike, number: npt.ArrayLike, per_day: float, u: npt.ArrayLike) -> Floats:
    """Return the moment of a visit in rounds: each user's visit ``number`` falls into round ``number``, from 0.

    A round is 1/per_day days long, and ``u`` in [0, 1) spreads visits over its second half, so that what a platform
    learns at a round's beginning reaches everybody in it. Like ``next_visit`` later than ``now`` in any case.

    >>> nth_visit(0.0, [0, 1], 1.0, 0.5).tolist()
    [1080.0, 2520.0]
    """
    return _after(now, (np.asarray(number) + 0.5 + 0.5 * np.asarray(u)) * (DAY / per_day))


def _after(now: npt.ArrayLike, moment: Floats) -> Floats:
    """Return the first multiple of 1/TICKS minute that is not before a moment, and later than ``now``."""
    first = np.floor(np.asarray(now) * TICKS) + 1.0
    return np.asarray(np.maximum(np.ceil(moment * TICKS), first) / TICKS)
