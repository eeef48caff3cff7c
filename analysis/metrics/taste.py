"""What is shown against what the user used to take."""

import numpy as np

from agents.schema import Floats, Ints
from analysis.metrics.base import INF, Metric, Value, mean_value, sums_by
from analysis.metrics.lists import Lists
from analysis.metrics.strata import GROUPS
from analysis.metrics.variety import genre_shares

SMOOTHING = 0.01


def group_average_popularity(lists: Lists, phi: Floats) -> Value:
    """Return GAP: the mean over users of the mean share of users who have the items of the list.

    >>> lists = Lists.of_matrix(np.array([[0, 1], [1, 2]]))
    >>> float(group_average_popularity(lists, np.array([1.0, 0.5, 0.0])))
    0.5
    """
    return mean_value(lists.means(phi[lists.item]))


def popularity_lift(slates: Lists, profiles: Lists, phi: Floats) -> Value:
    """Return (GAP_slates - GAP_profiles) / GAP_profiles, a ratio of means over users who have both lists.

    >>> slates = Lists.of_matrix(np.array([[3, 4], [2, 3], [1, 2], [2, 5]]))
    >>> profiles = Lists.of_matrix(np.array([[0, 1, 2], [0, 1, -1], [0, 3, -1], [0, 1, 4]]))
    >>> round(float(popularity_lift(slates, profiles, np.array([1, 0.75, 0.25, 0.25, 0.25, 0]))), 6)
    -0.602941
    """
    both = np.flatnonzero((slates.lengths > 0) & (profiles.lengths > 0))
    shown = group_average_popularity(slates.take(both), phi)
    own = group_average_popularity(profiles.take(both), phi)
    lift = (shown.value - own.value) / own.value if own.value else float("nan")
    return Value(lift, len(both), slates.n - len(both))


def js_divergence(p: Floats, q: Floats) -> Floats:
    """Return the Jensen-Shannon divergence, base 2, of each row of p from the same row of q; NaN rows give NaN.

    >>> js_divergence(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.0, 1.0], [0.5, 0.5]])).tolist()
    [1.0, 0.0]
    """
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(p == 0, 0.0, p * np.log2(p / middle)).sum(axis=1)
        right = np.where(q == 0, 0.0, q * np.log2(q / middle)).sum(axis=1)
    return np.asarray(np.maximum((left + right) / 2, 0))


def band_shares(lists: Lists, band: Ints) -> Floats:
    """Return the (users, 3) shares of head, mid and tail items in each list, NaN rows for empty lists."""
    return np.stack([lists.means(band[lists.item] == code) for code in range(3)], axis=1)


def user_popularity_deviation(slates: Lists, profiles: Lists, band: Ints, groups: Ints) -> Value:
    """Return UPD: the mean over user groups of their mean divergence between profile and slate.

    Per user the Jensen-Shannon DIVERGENCE (base 2) of the shares of head, mid and tail items; ``groups`` holds
    group codes, and groups without a measurable user are left out of the mean.

    >>> slates, profiles = Lists.of_matrix(np.array([[0], [1]])), Lists.of_matrix(np.array([[1], [1]]))
    >>> float(user_popularity_deviation(slates, profiles, np.array([0, 2]), np.array([0, 2])))
    0.5
    """
    divergence = js_divergence(band_shares(profiles, band), band_shares(slates, band))
    there = ~np.isnan(divergence) & (groups >= 0)
    users = np.bincount(groups[there], minlength=len(GROUPS))
    summed = sums_by(groups[there], divergence[there], len(GROUPS))
    means = summed[users > 0] / users[users > 0]
    value = float(means.mean()) if len(means) else float("nan")
    return Value(value, int(there.sum()), int((~there).sum()))


def miscalibration_kl(slates: Lists, profiles: Lists, genres: Floats) -> Value:
    """Return the mean over users of KL(p || (1 - a) q + a p), natural log, a = 0.01.

    p and q are the genre shares of the history and of the list, every item counting the same.

    >>> genres = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1]])
    >>> slates, profiles = Lists.of_matrix(np.array([[2, 3]])), Lists.of_matrix(np.array([[0, 1]]))
    >>> round(float(miscalibration_kl(slates, profiles, genres)), 5)
    3.1809
    """
    p, q = genre_shares(profiles, genres), genre_shares(slates, genres)
    smoothed = (1 - SMOOTHING) * q + SMOOTHING * p
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where((p == 0) & ~np.isnan(q), 0.0, p * np.log(p / smoothed))
    return mean_value(terms.sum(axis=1))


def log_popularity_difference(slates: Lists, profiles: Lists, popularity: Floats) -> Value:
    """Return the mean over users of mean ln(count + 1) over the list minus the same over the history.

    >>> slates, profiles = Lists.of_matrix(np.array([[0]])), Lists.of_matrix(np.array([[1]]))
    >>> round(float(log_popularity_difference(slates, profiles, np.array([1, 0]))), 5)
    0.69315
    """
    logs = np.log1p(popularity)
    return mean_value(slates.means(logs[slates.item]) - profiles.means(logs[profiles.item]))


GAP = "Abdollahpouri et al. 2019, arXiv 1907.13286"
METRICS = (
    Metric(
        "group_average_popularity",
        "group_average_popularity/slates/share-of-users",
        "concentration",
        "individual",
        ("slates", "phi"),
        (0, 1),
        "more biased",
        GAP,
        group_average_popularity,
    ),
    Metric(
        "profile_average_popularity",
        "group_average_popularity/profile-initial/share-of-users",
        "concentration",
        "individual",
        ("profiles", "phi"),
        (0, 1),
        "neither",
        GAP,
        group_average_popularity,
    ),
    Metric(
        "popularity_lift",
        "popularity_lift/profile-initial/ratio-of-means",
        "discrimination",
        "individual",
        ("slates", "profiles", "phi"),
        (-1, INF),
        "more biased",
        GAP,
        popularity_lift,
    ),
    Metric(
        "user_popularity_deviation",
        "user_popularity_deviation/profile-initial/js-divergence-base-2/bands-20-60-20",
        "discrimination",
        "individual",
        ("slates", "profiles", "band", "groups"),
        (0, 1),
        "more biased",
        "Abdollahpouri et al. 2021, arXiv 2103.06364",
        user_popularity_deviation,
    ),
    Metric(
        "miscalibration_kl",
        "miscalibration_kl/profile-initial/alpha-0.01/nats/split-genres",
        "filter bubble",
        "individual",
        ("slates", "profiles", "genres"),
        (0, INF),
        "more biased",
        "Steck 2018",
        miscalibration_kl,
    ),
    Metric(
        "log_popularity_difference",
        "log_popularity_difference/profile-initial/ln-count-plus-1",
        "concentration",
        "individual",
        ("slates", "profiles", "popularity"),
        (-INF, INF),
        "more biased",
        "arXiv 2406.01285",
        log_popularity_difference,
    ),
    Metric(
        "popularity_lift_current",
        "popularity_lift/profile-current/ratio-of-means",
        "discrimination",
        "individual",
        ("slates", "current_profiles", "phi"),
        (-1, INF),
        "more biased",
        GAP,
        popularity_lift,
    ),
    Metric(
        "user_popularity_deviation_current",
        "user_popularity_deviation/profile-current/js-divergence-base-2/bands-20-60-20",
        "discrimination",
        "individual",
        ("slates", "current_profiles", "band", "groups"),
        (0, 1),
        "more biased",
        "Abdollahpouri et al. 2021, arXiv 2103.06364",
        user_popularity_deviation,
    ),
    Metric(
        "miscalibration_kl_current",
        "miscalibration_kl/profile-current/alpha-0.01/nats/split-genres",
        "filter bubble",
        "individual",
        ("slates", "current_profiles", "genres"),
        (0, INF),
        "more biased",
        "Steck 2018",
        miscalibration_kl,
    ),
    Metric(
        "log_popularity_difference_current",
        "log_popularity_difference/profile-current/ln-count-plus-1",
        "concentration",
        "individual",
        ("slates", "current_profiles", "popularity"),
        (-INF, INF),
        "more biased",
        "arXiv 2406.01285",
        log_popularity_difference,
    ),
)
