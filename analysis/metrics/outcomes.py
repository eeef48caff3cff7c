"""What users did and how they felt, per user and then averaged over users who came."""

from dataclasses import dataclass

import numpy as np

from agents.schema import Floats, Ints
from analysis.metrics.base import INF, Metric, Value, mean_value

LIKED_FROM = 0.8
"""In runs whose users cannot like, a rating counts as a like from this share of the data set's highest on."""


CHURNED_AFTER = 7.0
"""Days without a visit after which a user counts as gone."""


@dataclass(frozen=True)
class Outcomes:
    """Figures per user over one period; NaN where the user did not come."""

    shown: Floats
    """Items shown."""
    watched: Floats
    liked: Floats
    """Watched items that the user said it liked; where users cannot, those rated at least LIKED_FROM of the highest."""
    pages: Floats
    """Mean pages per session."""
    satisfaction: Floats
    """Mean satisfaction at the end of a session."""
    minutes: Floats
    """Mean minutes per session."""
    drift: Floats | None = None
    """How far tastes had moved at the end of the last session; None where tastes do not drift."""
    absent: Floats | None = None
    """Days from the last visit to the end of the period, NaN for users who never came before it."""
    between: Floats | None = None
    """Mean days from the visit before to the visits of the period."""

    def of_users(self, users: Ints) -> "Outcomes":
        """Return the figures of some users."""
        columns = {name: getattr(self, name) for name in Outcomes.__annotations__}
        return Outcomes(**{name: column[users] for name, column in columns.items() if column is not None})


def view_ratio(watched: Floats, shown: Floats) -> Value:
    """Return the mean over users of items watched / items shown, items below where reading stopped included.

    >>> float(view_ratio(np.array([1.0, 4.0]), np.array([10.0, 10.0])))
    0.25
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return mean_value(np.where(shown > 0, watched / shown, np.nan))


def like_ratio(liked: Floats, watched: Floats) -> Value:
    """Return the mean over users of items liked / items watched; users who watched nothing are skipped.

    >>> float(like_ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0])))
    0.5
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return mean_value(np.where(watched > 0, liked / watched, np.nan))


def n_likes(liked: Floats) -> Value:
    """Return the mean over users who came of the number of items liked.

    >>> float(n_likes(np.array([2.0, 1.0, np.nan])))
    1.5
    """
    return mean_value(liked)


def exit_page(pages: Floats) -> Value:
    """Return the mean over users who came of the mean page on which their sessions ended.

    >>> float(exit_page(np.array([2.0, 1.0])))
    1.5
    """
    return mean_value(pages)


def satisfaction(satisfaction: Floats) -> Value:
    """Return the mean over users who came of their mean satisfaction at the end of a session.

    >>> float(satisfaction(np.array([0.5, 1.0])))
    0.75
    """
    return mean_value(satisfaction)


def session_length(minutes: Floats) -> Value:
    """Return the mean over users who came of their mean simulated minutes per session.

    >>> float(session_length(np.array([10.0, 20.0])))
    15.0
    """
    return mean_value(minutes)


def interest_drift(drift: Floats) -> Value:
    """Return the mean over users who came of the norm of the change of their tastes, at the end of their last session.

    Tastes are log ratios of a user's genre shares to everybody's.

    >>> float(interest_drift(np.array([0.5, 0.25, np.nan])))
    0.375
    """
    return mean_value(drift)


def churn_rate(absent: Floats) -> Value:
    """Return the share of users who had come at all of those whose last visit is CHURNED_AFTER days or more ago.

    Undefined before the end of day CHURNED_AFTER, until when nobody can have been away for so long.

    >>> float(churn_rate(np.array([7.5, 0.5, np.nan])))
    0.5
    """
    return mean_value(np.where(np.isnan(absent), np.nan, absent >= CHURNED_AFTER))


def return_time(between: Floats) -> Value:
    """Return the mean over users who came again of the mean days since the visit before, from start to start.

    Users who did not come again are skipped, not counted as slow.

    >>> float(return_time(np.array([1.0, 2.0, np.nan])))
    1.5
    """
    return mean_value(between)


AGENT4REC = "Zhang et al. 2024, arXiv 2310.10108"
METRICS = (
    Metric(
        "view_ratio",
        "view_ratio/div-shown",
        "volume",
        "individual",
        ("watched", "shown"),
        (0, 1),
        "better",
        AGENT4REC,
        view_ratio,
    ),
    Metric(
        "like_ratio",
        "like_ratio/div-watched/said-or-rating-from-80-percent",
        "volume",
        "individual",
        ("liked", "watched"),
        (0, 1),
        "better",
        AGENT4REC,
        like_ratio,
    ),
    Metric(
        "n_likes",
        "n_likes/said-or-rating-from-80-percent",
        "volume",
        "individual",
        ("liked",),
        (0, INF),
        "better",
        AGENT4REC,
        n_likes,
    ),
    Metric(
        "exit_page",
        "exit_page/mean-of-user-means",
        "volume",
        "individual",
        ("pages",),
        (1, INF),
        "better",
        AGENT4REC,
        exit_page,
    ),
    Metric(
        "satisfaction",
        "satisfaction/session-end/mean-of-user-means",
        "volume",
        "individual",
        ("satisfaction",),
        (-INF, INF),
        "better",
        AGENT4REC,
        satisfaction,
    ),
    Metric(
        "session_length",
        "session_length/minutes/mean-of-user-means",
        "volume",
        "individual",
        ("minutes",),
        (0, INF),
        "neither",
        "simulated time",
        session_length,
    ),
    Metric(
        "interest_drift",
        "interest_drift/latent-change/euclidean",
        "filter bubble",
        "individual",
        ("drift",),
        (0, INF),
        "neither",
        "Jiang et al. 2019, arXiv 1902.10730",
        interest_drift,
    ),
    Metric(
        "churn_rate",
        f"churn_rate/away-{CHURNED_AFTER:g}-days/users-who-came",
        "volume",
        "individual",
        ("absent",),
        (0, 1),
        "neither",
        "standard; inactivity window",
        churn_rate,
    ),
    Metric(
        "return_time",
        "return_time/days/mean-of-user-means/closed-gaps",
        "volume",
        "individual",
        ("between",),
        (0, INF),
        "neither",
        "Du et al. 2015, arXiv 1511.06154",
        return_time,
    ),
)
