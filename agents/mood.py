"""How a visit changes a user: pure elementwise formulas, the same for one user and for a column of them.

Fatigue, satisfaction and trust in the recommender lie in [0, 1]. Rating data say nothing of them, so
the constants below are declared assumptions: they are few, here, and nowhere else.
"""

import numpy as np
import numpy.typing as npt

from agents.schema import Floats

RESTED = 0.0
CONTENT = 0.5
"""Satisfaction of a user who has no reason to be pleased or displeased."""
NEUTRAL = 0.5
"""Trust of a user who has no reason to trust or to distrust what is recommended."""

TIRING_ITEMS = 60.0
"""Items read after which a rested user's fatigue is 1 - 1/e."""
RECOVERY_MINUTES = 240.0
"""Time after which fatigue, and the distance of satisfaction from CONTENT, have fallen to 1/e."""
FORGIVING_MINUTES = 7 * 1440.0
"""Time after which the distance of trust from NEUTRAL has fallen to 1/e."""
LEARNING = 0.3
"""Weight of the newest page in satisfaction."""
SURPRISE = 0.1
"""Share of the way to full trust, or to none, that a page goes which is all, or nothing, against expectation."""
PLENTY = 0.2
"""Share of the items read that, watched, makes a page as good as it gets."""


def tired(fatigue: npt.ArrayLike, items_read: npt.ArrayLike) -> Floats:
    """Return fatigue after reading more items: the distance to 1 shrinks exponentially.

    >>> float(tired(0.0, 0)), bool(tired(0.2, 10) > 0.2)
    (0.0, True)
    """
    return 1.0 - (1.0 - np.asarray(fatigue)) * np.exp(-np.asarray(items_read) / TIRING_ITEMS)


def pleased(
    satisfaction: npt.ArrayLike, items_read: npt.ArrayLike, watched: npt.ArrayLike, rating_level: npt.ArrayLike
) -> Floats:
    """Return satisfaction after a page: an exponential average of what pages were worth.

    What a page is worth, see ``worth``.
    """
    before = np.asarray(satisfaction, dtype=np.float64)
    return before + LEARNING * (worth(items_read, watched, rating_level) - before)


def worth(items_read: npt.ArrayLike, watched: npt.ArrayLike, rating_level: npt.ArrayLike) -> Floats:
    """Return what a page was worth: min(1, watched / (PLENTY x read)) x ``rating_level``.

    ``rating_level`` is the mean rating given there as a share of the scale (0 worst, 1 best; any number
    where nothing was watched).

    >>> worth([10, 10], [0, 2], [0.0, 1.0]).tolist()
    [0.0, 1.0]
    """
    found = np.minimum(np.asarray(watched) / (PLENTY * np.maximum(items_read, 1)), 1.0)
    return np.where(np.asarray(watched) > 0, found * rating_level, 0.0)


def trusting(trust: npt.ArrayLike, satisfaction: npt.ArrayLike, served: npt.ArrayLike) -> Floats:
    """Return trust in the recommender after a page that was worth ``served`` to a user expecting ``satisfaction``.

    A page better than expected closes part of the distance to 1, a worse one of the distance to 0
    (expectation and disconfirmation: Oliver 1980); as expected, it leaves trust where it was.

    >>> trusting([0.5, 0.5, 0.5], 0.5, [0.5, 1.0, 0.0]).tolist()
    [0.5, 0.525, 0.475]
    """
    before, gap = np.asarray(trust, dtype=np.float64), np.asarray(served) - np.asarray(satisfaction)
    return np.asarray(before + SURPRISE * gap * np.where(gap > 0, 1.0 - before, before))


def impatience(trust: npt.ArrayLike) -> Floats:
    """Return the factor on the chance to leave out of boredom: the less trust, the sooner; 1 at NEUTRAL.

    >>> impatience([0.0, NEUTRAL, 1.0]).tolist()
    [2.0, 1.0, 0.0]
    """
    return (1.0 - np.asarray(trust)) / (1.0 - NEUTRAL)


def rested(fatigue: npt.ArrayLike, minutes_away: npt.ArrayLike) -> Floats:
    """Return the fatigue left after a time away."""
    return np.asarray(fatigue) * np.exp(-np.asarray(minutes_away) / RECOVERY_MINUTES)


def calmed(satisfaction: npt.ArrayLike, minutes_away: npt.ArrayLike) -> Floats:
    """Return the satisfaction left after a time away: it fades to CONTENT."""
    return CONTENT + (np.asarray(satisfaction) - CONTENT) * np.exp(-np.asarray(minutes_away) / RECOVERY_MINUTES)


def forgiven(trust: npt.ArrayLike, minutes_away: npt.ArrayLike) -> Floats:
    """Return the trust left after a time away: it fades to NEUTRAL."""
    return NEUTRAL + (np.asarray(trust) - NEUTRAL) * np.exp(-np.asarray(minutes_away) / FORGIVING_MINUTES)
