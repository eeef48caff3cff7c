"""What users add to what the recommender did: whether they choose the popular ones out of what they are shown."""

from agents.schema import Floats
from analysis.metrics.base import INF, Metric, Value
from analysis.metrics.lists import Lists
from analysis.metrics.taste import popularity_lift


def choice_popularity_lift(chosen: Lists, offered: Lists, phi: Floats) -> Value:
    """Return (GAP_chosen - GAP_offered) / GAP_offered over users who chose anything, GAP the mean of phi.

    The user-agent probe: where the recommender is ``random``, what is offered is a uniform draw, and this is the
    bias of the users alone. Elsewhere it is what they add to the recommender's.

    >>> import numpy as np
    >>> chosen, offered = Lists.of_matrix(np.array([[0]])), Lists.of_matrix(np.array([[0, 1]]))
    >>> round(float(choice_popularity_lift(chosen, offered, np.array([0.75, 0.25]))), 9)
    0.5
    """
    return popularity_lift(chosen, offered, phi)


METRICS = (
    Metric(
        "choice_popularity_lift",
        "choice_popularity_lift/chosen-over-offered/ratio-of-means",
        "concentration",
        "individual",
        ("chosen", "offered", "phi"),
        (-1, INF),
        "more biased",
        "probe of the users with random slates; lift of Abdollahpouri et al. 2019, arXiv 1907.13286",
        choice_popularity_lift,
    ),
)
