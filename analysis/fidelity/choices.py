"""How well utilities foretell what was taken: likelihoods, ranks and lifts of rows whose column 0 was taken."""

import numpy as np

from agents.schema import PAD, Bools, Floats, Ints

STEPS = 40


def macro(value: Floats, user: Ints) -> float:
    """Return the mean over users of each user's mean, NaN entries left out.

    >>> macro(np.array([0.0, 1.0, 1.0, np.nan]), np.array([0, 0, 1, 2]))
    0.75
    """
    there = np.isfinite(value)
    total, count = (np.bincount(user[there], weights=part) for part in (value[there], np.ones(there.sum())))
    return float((total[count > 0] / count[count > 0]).mean()) if there.any() else float("nan")


def above(utility: Floats, item: Ints) -> Floats:
    """Return per row the share of the other items (columns from 1) that column 0 beats, ties half; NaN without any.

    >>> above(np.array([[2.0, 1.0, 2.0, 9.0]]), np.array([[7, 3, 5, -1]])).tolist()
    [0.75]
    """
    there = item[:, 1:] != PAD
    first, others = utility[:, :1], utility[:, 1:]
    wins = np.where(there, (first > others) + 0.5 * (first == others), 0.0).sum(axis=1)
    count = there.sum(axis=1)
    return np.where(count > 0, wins / np.maximum(count, 1), np.nan)


def above_matched(utility: Floats, item: Ints) -> Floats:
    """Return the same against items matched in popularity: more popular ones first, less popular ones last.

    Both sides count alike, and rows that lack one are left out: popularity alone wins every
    comparison on one side and loses every one on the other, hence scores one half.

    >>> above_matched(np.array([[2.0, 3.0, 4.0, 1.0, 1.5]]), np.array([[0, 1, 2, 3, -1]])).tolist()
    [0.5]
    """
    reach = (item.shape[1] - 1) // 2
    sides = (np.r_[0, 1 : 1 + reach], np.r_[0, 1 + reach : 1 + 2 * reach])
    more, less = (above(utility[:, side], item[:, side]) for side in sides)
    return np.asarray((more + less) / 2)


def log_likelihood(utility: Floats, offset: Floats) -> Floats:
    """Return per row the log-probability of column 0 in a conditional logit.

    ``offset`` is minus the log-weight with which the columns were drawn (McFadden 1978), so that the
    likelihood is that of a choice from the whole catalog; -inf where there is no item.

    >>> log_likelihood(np.zeros((1, 4)), np.zeros((1, 4))).round(4).tolist()
    [-1.3863]
    """
    whole = utility + offset
    top = whole.max(axis=1, keepdims=True)
    return np.asarray(whole[:, 0] - top[:, 0] - np.log(np.exp(whole - top).sum(axis=1)))


def mcfadden_r2(model: Floats, popularity: Floats) -> float:
    """Return 1 - log-likelihood / log-likelihood of the popularity-only choice model (McFadden 1974).

    >>> mcfadden_r2(np.array([-1.0, -1.0]), np.array([-2.0, -2.0]))
    0.5
    """
    return 1.0 - float(model.sum()) / float(popularity.sum())


def slope(utility: Floats, offset: Floats, start: float = 1.0) -> float:
    """Return the factor of the utilities that fits the choices best: 1 calibrated, under 1 over-confident.

    Newton's method on the conditional logit with one coefficient, which is concave.
    """
    factor = start
    for _ in range(STEPS):
        whole = factor * utility + offset
        share = np.exp(whole - whole.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        center = (share * utility).sum(axis=1)
        information = float((share * utility**2).sum() - (center**2).sum())
        if information <= 1e-12:
            return float("nan")
        step = float((utility[:, 0] - center).sum()) / information
        factor += float(np.clip(step, -1.0, 1.0))
        if abs(step) < 1e-9:
            break
    return factor


def first(utility: Floats) -> Floats:
    """Return per row the chance that the best item is column 0, shared among equals (hit@1 of 1:m groups).

    >>> first(np.array([[2.0, 1.0], [1.0, 1.0], [0.0, 1.0]])).tolist()
    [1.0, 0.5, 0.0]
    """
    best = utility == utility.max(axis=1, keepdims=True)
    return np.asarray(best[:, 0] / best.sum(axis=1))


def average_precision(utility: Floats) -> Floats:
    """Return per row 1 / rank of column 0, which is average precision with one positive; ties take the middle rank.

    >>> average_precision(np.array([[2.0, 1.0, 3.0]])).tolist()
    [0.5]
    """
    rank = 1 + (utility[:, 1:] > utility[:, :1]).sum(axis=1) + 0.5 * (utility[:, 1:] == utility[:, :1]).sum(axis=1)
    return np.asarray(1.0 / rank)


def lift(probability: Floats, item: Ints, rows: Bools) -> float:
    """Return how many times as often column 0 is watched as the other items are.

    >>> lift(np.array([[0.4, 0.1, 0.3]]), np.array([[0, 1, 2]]), np.array([True]))
    2.0
    """
    there = item[rows][:, 1:] != PAD
    return float(probability[rows, 0].mean() / probability[rows][:, 1:][there].mean())
