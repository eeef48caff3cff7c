"""The choice model: which items people take, learned from what they took.

A conditional logit on each training event against items the user has not taken (McFadden 1974),
v = theta_u . x_i + beta log(1 + n_i(t)), where theta_u is a population mean plus a user effect that
is normal with a covariance estimated from the data (Laplace approximation inside EM), so that users
with little history stay near the population. No co-occurrence between users enters: the features
are public content, and n_i(t) is the public count as of the event.

What people take next differs from what they took before: the popular is used up, and a taste that
fits the past too well is over-confident. So the population's part is fitted a second time, to the
last fifth of everybody's events, given user effects learned from the events before. Who takes much
has to be less choosy: the whole utility is multiplied by activity^-satiety.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from agents.schema import Draws, Floats, History, Ints
from agents.traits import rows_of

NEGATIVES = 99
"""Items not taken that each event is compared with."""
MAX_EVENTS = 80
"""Latest events of one user that are fitted on: earlier ones say little more and cost as much."""
ROUNDS = 3
"""EM rounds; AUC on held-out choices no longer moves in the third digit after them."""
NEWTON = 8
"""Most Newton steps of one maximization."""
SHRINK = 20.0
"""Pseudo-users that pull the covariance of user effects towards its diagonal."""
TURNS = 2
"""Turns between the weights and the satiety of later events."""
BEFORE = 0.8
"""Share of a user's events, the earliest, from which the others are foretold."""
START = 0.5
"""Variance of user effects before the first EM round."""


@dataclass(frozen=True)
class ChoiceSets:
    """One user's training events: what was taken (column 0) and what it is compared with.

    ``place`` (into ``item``, the distinct items met) and ``popularity`` (log(1 + n_i(t))) are
    (events, 1 + negatives); ``offset`` is minus the log of the draw's weight.
    """

    item: Ints
    place: Ints
    popularity: Floats
    offset: Floats


@dataclass(frozen=True)
class ChoiceModel:
    """The population's part of the fitted model; d features.

    User effects are learned under ``past`` and ``covariance``; what is chosen next is foretold by
    ``mean`` and ``beta``, the effect counting ``trust`` times.
    """

    past: Floats
    """(d + 1,) population mean of theta and beta of the events that effects are learned from"""
    covariance: Floats
    """(d, d) of user effects"""
    mean: Floats
    """(d,) population mean of theta"""
    beta: float
    trust: float
    satiety: float
    events: int
    log_likelihood: float
    """Per event, at the fitted user effects."""
    popularity_log_likelihood: float
    """Per event, of the same choices by popularity alone."""


class PopularityThen:
    """How often each item had been taken, in a history, before a moment."""

    def __init__(self, history: History, n_items: int) -> None:
        self._times = np.unique(history.time)
        order = np.lexsort((history.time, history.item_id))
        self._width = len(self._times) + 1
        self._keys = history.item_id[order] * self._width + np.searchsorted(self._times, history.time[order])
        self._starts = np.searchsorted(self._keys, np.arange(n_items) * self._width)
        self._counts = np.bincount(history.item_id, minlength=n_items)

    def __call__(self, item: Ints, time: Floats) -> Floats:
        """Return counts (events, m) of ``item`` (events, m) before ``time`` (events,).

        Where the history tells no moments apart, the count of everything else: column 0, which is
        what the event itself took, is counted without it.
        """
        if len(self._times) < 2:
            counts = self._counts[item].astype(np.float64)
            counts[:, 0] -= 1.0
            return counts
        rank = np.searchsorted(self._times, time)[:, None]
        found = np.searchsorted(self._keys, item * self._width + rank) - self._starts[item]
        return np.asarray(found, dtype=np.float64)


def choice_sets(
    history: History,
    user: int,
    then: PopularityThen,
    popularity: Floats,
    draws: Draws,
    part: tuple[float, float] = (0.0, 1.0),
) -> ChoiceSets:
    """Return the choice sets of the latest events in a part of one user's history, negatives keyed by user and event.

    Items are drawn with weight sqrt(1 + popularity), with replacement, among those not taken.
    """
    rows = rows_of(history, user)
    taken, time = history.item_id[rows], history.time[rows]
    first, last = (int(np.ceil(share * len(taken))) for share in part)
    number = np.arange(first, last)[-MAX_EVENTS:]
    weight = np.sqrt(1.0 + popularity)
    free = weight.copy()
    free[taken] = 0.0
    edges = np.cumsum(free)
    if not edges[-1]:
        number = number[:0]
    draw = draws.uniform("negative", user, number[:, None], np.arange(NEGATIVES)) * edges[-1]
    drawn = np.minimum(np.searchsorted(edges, draw, side="right"), len(edges) - 1)
    met = np.concatenate([taken[number][:, None], drawn], axis=1)
    item, place = np.unique(met, return_inverse=True)
    return ChoiceSets(item, place.reshape(met.shape), np.log1p(then(met, time[number])), -np.log(weight)[met])


def fit(before: Sequence[ChoiceSets], after: Sequence[ChoiceSets], activity: Floats, features: Floats) -> ChoiceModel:
    """Fit the population to its users' choices: effects to earlier ones, the rest to what they foretell of later ones.

    The first three have one entry per user, in the same order.
    """
    past, covariance, effects = _hierarchy(before, features)
    told = [_told(own, features, effect) for own, effect in zip(after, effects, strict=True)]
    point, satiety = np.concatenate([past[:-1], [1.0], past[-1:]]), 0.0
    for _ in range(TURNS):
        point = _ahead(told, point, activity**-satiety)
        satiety = _satiety(told, point, np.log(activity))
    events = sum(len(own.place) for own in after)
    likely = _likelihood(told, point, activity**-satiety)
    alone = popularity_likelihood(after, popularity_only(after))
    return ChoiceModel(
        past=past,
        covariance=covariance,
        mean=point[:-2],
        beta=float(point[-1]),
        trust=max(float(point[-2]), 0.0),
        satiety=satiety,
        events=events,
        log_likelihood=likely / max(events, 1),
        popularity_log_likelihood=alone / max(events, 1),
    )


def _hierarchy(sets: Sequence[ChoiceSets], features: Floats) -> tuple[Floats, Floats, list[Floats]]:
    """Return mean (beta last) and covariance of the hierarchical model by EM, and each user's effect."""
    width = features.shape[1]
    mean, beta = _pooled(sets, features, np.append(np.zeros(width), 1.0))
    covariance = START * np.eye(width)
    effects = [np.zeros(width) for _ in sets]
    for _ in range(ROUNDS):
        precision = np.asarray(np.linalg.inv(covariance), dtype=np.float64)
        scatter = np.zeros((width, width))
        slope = curve = 0.0
        for place, own in enumerate(sets):
            effects[place], spread = _user_effect(own, features, mean, beta, precision, effects[place])
            scatter += np.outer(effects[place], effects[place]) + spread
            gradient, hessian, _ = _moments(own, features, mean + effects[place], beta)
            slope, curve = slope + gradient[-1], curve + hessian[-1, -1]
        center = np.mean(effects, axis=0) if effects else np.zeros(width)
        mean, effects = mean + center, [effect - center for effect in effects]
        beta += slope / max(curve, 1e-9)
        covariance = _shrunk(scatter / max(len(sets), 1) - np.outer(center, center), len(sets))
    return np.append(mean, beta), covariance, effects


Told = tuple[ChoiceSets, Floats]
"""Events with the features of the items met in them, one row per entry of ``item``."""


def _told(own: ChoiceSets, features: Floats, effect: Floats) -> Told:
    """Return later events with one more feature, what the user's effect says of an item."""
    here = features[own.item]
    return replace(own, item=np.arange(len(own.item))), np.column_stack([here, here @ effect])


def _ahead(told: Sequence[Told], start: Floats, keen: Floats) -> Floats:
    """Return mean, trust and beta that fit later events best, near the start where there are few."""
    scaled = [_sharpened(part, float(factor)) for part, factor in zip(told, keen, strict=True)]
    point = start
    for _ in range(NEWTON):
        moments = [_moments(own, here, point[:-1], float(point[-1])) for own, here in scaled]
        point, step = _stepped(moments, point, start)
        if step < 1e-3:
            break
    return point


def _sharpened(part: Told, factor: float) -> Told:
    own, here = part
    return replace(own, popularity=factor * own.popularity), factor * here


def _satiety(told: Sequence[Told], point: Floats, log_activity: Floats) -> float:
    """Return the exponent, not negative, by which activity blunts choices, by search on the likelihood."""

    def loss(satiety: float) -> float:
        return -_likelihood(told, point, np.exp(-satiety * log_activity)) + satiety**2

    return float(minimize_scalar(loss, bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-2}).x)


def _likelihood(told: Sequence[Told], point: Floats, keen: Floats) -> float:
    """Return the log-likelihood of events."""
    if not told:
        return 0.0
    utility = np.concatenate(
        [
            factor * ((here @ point[:-1])[own.place] + point[-1] * own.popularity) + own.offset
            for (own, here), factor in zip(told, keen.tolist(), strict=True)
        ]
    )
    return float((utility[:, 0] - logsumexp(utility, axis=1)).sum())


def user_effect(model: ChoiceModel, own: ChoiceSets, features: Floats) -> Floats:
    """Return one user's most probable deviation from the population mean."""
    start = np.zeros(features.shape[1])
    precision = np.asarray(np.linalg.inv(model.covariance), dtype=np.float64)
    return _user_effect(own, features, model.past[:-1], float(model.past[-1]), precision, start)[0]


def _moments(own: ChoiceSets, features: Floats, theta: Floats, beta: float) -> tuple[Floats, Floats, float]:
    """Return gradient and information (d + 1, beta last) and the log-likelihood of one user's events."""
    here = features[own.item]
    utility = (here @ theta)[own.place] + beta * own.popularity + own.offset
    utility -= utility.max(axis=1, keepdims=True)
    odds = np.exp(utility)
    total = odds.sum(axis=1, keepdims=True)
    share = odds / total
    center, weight, tilt = _expected(own, here, share)
    width = features.shape[1]
    information = np.empty((width + 1, width + 1))
    information[:width, :width] = (here.T * weight) @ here
    information[:width, width] = information[width, :width] = here.T @ tilt
    information[width, width] = (share * own.popularity**2).sum()
    information -= center.T @ center
    gradient = np.append(here[own.place[:, 0]].sum(axis=0), own.popularity[:, 0].sum()) - center.sum(axis=0)
    return gradient, information, float((utility[:, 0] - np.log(total[:, 0])).sum())


def _expected(own: ChoiceSets, here: Floats, share: Floats) -> tuple[Floats, Floats, Floats]:
    """Return, under the choice probabilities ``share``, what an event takes on average.

    (events, d + 1) mean features and log popularity; and per distinct item its summed probability,
    plain and times log popularity.
    """
    shape = (len(own.place), len(own.item))
    cell = (np.arange(shape[0])[:, None] * shape[1] + own.place).ravel()
    dense = np.bincount(cell, weights=share.ravel(), minlength=shape[0] * shape[1]).reshape(shape)
    tilted = share * own.popularity
    tilt = np.bincount(own.place.ravel(), weights=tilted.ravel(), minlength=shape[1])
    return np.column_stack([dense @ here, tilted.sum(axis=1)]), dense.sum(axis=0), np.asarray(tilt, dtype=np.float64)


def _pooled(sets: Sequence[ChoiceSets], features: Floats, start: Floats) -> tuple[Floats, float]:
    """Return the mean and beta that fit everybody alike, by Newton's method with a slight ridge."""
    point = start
    for _ in range(NEWTON):
        moments = [_moments(own, features, point[:-1], float(point[-1])) for own in sets]
        point, step = _stepped(moments, point, np.zeros(len(point)))
        if step < 1e-3:
            break
    return point[:-1], float(point[-1])


def _stepped(moments: Sequence[tuple[Floats, Floats, float]], point: Floats, center: Floats) -> tuple[Floats, float]:
    """Return the point after one Newton step, with a slight ridge around a center, and the size of the step."""
    gradient = _sum(m[0] for m in moments) - (point - center) * _RIDGE
    information = _sum(m[1] for m in moments) + _RIDGE * np.eye(len(point))
    step = np.linalg.solve(information, gradient)
    return point + np.clip(step, -1.0, 1.0), float(np.abs(step).max())


_RIDGE = 1.0


def popularity_only(sets: Sequence[ChoiceSets]) -> float:
    """Return beta of the best popularity-only model of some choices."""
    items = 1 + max((int(own.item.max(initial=0)) for own in sets), default=0)
    return _pooled(sets, np.zeros((items, 0)), np.ones(1))[1]


def popularity_likelihood(sets: Sequence[ChoiceSets], beta: float) -> float:
    """Return the log-likelihood of choices by popularity alone."""
    items = 1 + max((int(own.item.max(initial=0)) for own in sets), default=0)
    return sum(_moments(own, np.zeros((items, 0)), np.zeros(0), beta)[2] for own in sets)


def _user_effect(
    own: ChoiceSets, features: Floats, mean: Floats, beta: float, precision: Floats, start: Floats
) -> tuple[Floats, Floats]:
    """Return the mode of a user's effect and its posterior covariance (Laplace)."""
    effect, width = start, len(mean)
    for _ in range(NEWTON):
        gradient, information, _ = _moments(own, features, mean + effect, beta)
        curvature = information[:width, :width] + precision
        step = np.linalg.solve(curvature, gradient[:width] - precision @ effect)
        effect = effect + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-2:
            break
    return effect, np.asarray(np.linalg.inv(curvature), dtype=np.float64)


def _shrunk(covariance: Floats, users: int) -> Floats:
    """Return the covariance pulled towards its diagonal, which itself stays positive."""
    diagonal = np.diag(np.maximum(np.diag(covariance), 1e-4))
    return (users * covariance + SHRINK * diagonal) / (users + SHRINK) + 1e-6 * np.eye(len(covariance))


def _sum(parts: Iterable[Floats]) -> Floats:
    """Add in order, so that the result does not depend on how numpy groups terms."""
    total: Floats | float = 0.0
    for part in parts:
        total = total + part
    return np.asarray(total)
