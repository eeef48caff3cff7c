"""How a visit changes a user: pure elementwise formulas, the same for one user and for a column of them.

Fatigue and satisfaction lie in [0, 1]. Rating data say nothing of either, so the constants below are
declared assumptions: they are few, here, and nowhere else.
"""

import numpy as np
import numpy.typing as npt

from agents.schema import Floats

RESTED = 0.0
CONTENT = 0.5
"""Satisfaction of a user who has no reason to be pleased or displeased."""

TIRING_ITEMS = 60.0
"""Items read after which a rested user's fatigue is 1 - 1/e."""
RECOVERY_MINUTES = 240.0
"""Time after which fatigue, and the distance of satisfaction from CONTENT, have fallen to 1/e."""
LEARNING = 0.3
"""Weight of the newest page in satisfaction."""
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

    A page is worth min(1, watched / (PLENTY x read)) x ``rating_level``, the mean rating given there
    as a share of the scale (0 worst, 1 best; any number where nothing was watched).
    """
    found = np.minimum(np.asarray(watched) / (PLENTY * np.maximum(items_read, 1)), 1.0)
    worth = np.where(np.asarray(watched) > 0, found * rating_level, 0.0)
    before = np.asarray(satisfaction, dtype=np.float64)
    return before + LEARNING * (worth - before)


def rested(fatigue: npt.ArrayLike, minutes_away: npt.ArrayLike) -> Floats:
    """Return the fatigue left after a time away."""
    return np.asarray(fatigue) * np.exp(-np.asarray(minutes_away) / RECOVERY_MINUTES)


def calmed(satisfaction: npt.ArrayLike, minutes_away: npt.ArrayLike) -> Floats:
    """Return the satisfaction left after a time away: it fades to CONTENT."""
    return CONTENT + (np.asarray(satisfaction) - CONTENT) * np.exp(-np.asarray(minutes_away) / RECOVERY_MINUTES)
