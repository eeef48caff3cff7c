"""The choice model: which items people take, learned from what they took.

A conditional logit on each training event against items the user has not taken (McFadden 1974),
v = theta_u . x_i + beta log(1 + n_i(t)), where theta_u is a population mean plus a user effect that
is normal with a covariance estimated from the data (Laplace approximation inside EM), so that users
with little history stay near the population. No co-occurrence between users enters: the features
are public content, and n_i(t) is the public count as of the event.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from agents.schema import Draws, Floats, History, Ints
from agents.traits import rows_of

NEGATIVES = 99
"""Items not taken that each event is compared with."""
MAX_EVENTS = 80
"""Latest events of one user that are fitted on: later ones say little more and cost as much."""
ROUNDS = 3
"""EM rounds; AUC on held-out choices no longer moves in the third digit after them."""
NEWTON = 8
"""Most Newton steps of one maximization."""
SHRINK = 20.0
"""Pseudo-users that pull the covariance of user effects towards its diagonal."""
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
    """The population's part of the fitted model; d features."""

    mean: Floats
    """(d,) population mean of theta"""
    covariance: Floats
    """(d, d) of user effects"""
    beta: float
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
    history: History, user: int, then: PopularityThen, popularity: Floats, draws: Draws, negatives: int = NEGATIVES
) -> ChoiceSets:
    """Return the choice sets of one user's latest events, negatives keyed by user and event.

    Items are drawn with weight sqrt(1 + popularity), with replacement, among those not taken.
    """
    rows = rows_of(history, user)
    taken, time = history.item_id[rows], history.time[rows]
    number = np.arange(len(taken))[-MAX_EVENTS:]
    weight = np.sqrt(1.0 + popularity)
    free = weight.copy()
    free[taken] = 0.0
    edges = np.cumsum(free)
    if not edges[-1]:
        number = number[:0]
    draw = draws.uniform("negative", user, number[:, None], np.arange(negatives)) * edges[-1]
    drawn = np.minimum(np.searchsorted(edges, draw, side="right"), len(edges) - 1)
    met = np.concatenate([taken[number][:, None], drawn], axis=1)
    item, place = np.unique(met, return_inverse=True)
    return ChoiceSets(item, place.reshape(met.shape), np.log1p(then(met, time[number])), -np.log(weight)[met])


def fit(sets: Sequence[ChoiceSets], features: Floats) -> ChoiceModel:
    """Fit the population to the choice sets of its users."""
    width = features.shape[1]
    mean, beta = np.zeros(width), 1.0
    alone = _popularity_only(sets, features)
    mean, beta = _pooled(sets, features, mean, beta)
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
    events = sum(len(own.place) for own in sets)
    total = sum(_moments(own, features, mean + effect, beta)[2] for own, effect in zip(sets, effects, strict=True))
    return ChoiceModel(mean, covariance, float(beta), events, total / max(events, 1), alone / max(events, 1))


def user_effect(model: ChoiceModel, own: ChoiceSets, features: Floats) -> Floats:
    """Return one user's most probable deviation from the population mean."""
    start = np.zeros(features.shape[1])
    precision = np.asarray(np.linalg.inv(model.covariance), dtype=np.float64)
    return _user_effect(own, features, model.mean, model.beta, precision, start)[0]


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


def _pooled(sets: Sequence[ChoiceSets], features: Floats, mean: Floats, beta: float) -> tuple[Floats, float]:
    """Return the mean and beta that fit everybody alike, by Newton's method with a slight ridge."""
    point = np.append(mean, beta)
    for _ in range(NEWTON):
        moments = [_moments(own, features, point[:-1], float(point[-1])) for own in sets]
        gradient = _sum(m[0] for m in moments) - point * _RIDGE
        information = _sum(m[1] for m in moments) + _RIDGE * np.eye(len(point))
        step = np.linalg.solve(information, gradient)
        point = point + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-3:
            break
    return point[:-1], float(point[-1])


_RIDGE = 1.0


def _popularity_only(sets: Sequence[ChoiceSets], features: Floats) -> float:
    """Return the log-likelihood of the best popularity-only model."""
    none = np.zeros((len(features), 0))
    mean, beta = _pooled(sets, none, np.zeros(0), 1.0)
    return sum(_moments(own, none, mean, beta)[2] for own in sets)


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
