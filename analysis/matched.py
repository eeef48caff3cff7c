"""Compare kinds of recommenders at equal accuracy, along the knob that each kind was asked for with."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.schema import Floats, Ints
from analysis.compare import RESAMPLING_KEY, verdict

if TYPE_CHECKING:
    from analysis.offline import Trial

FIGURES = ("intra_list_diversity", "miuf")
"""What is compared at equal NDCG: diversity, and novelty."""
RESAMPLES = 1000
MOST_MISSING = 0.05
"""Share of resamples in which curves may fail to meet; with more there is no interval."""


def curves(wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the names asked for by kind, of kinds asked for at least twice; nothing where that is one kind."""
    kinds: dict[str, list[str]] = {}
    for name, spec in wanted.items():
        kinds.setdefault(str(spec["kind"]).replace("-", "_"), []).append(name)
    several = {kind: names for kind, names in kinds.items() if len(names) > 1}
    return several if len(several) > 1 else {}


def matched(kinds: Mapping[str, Sequence[str]], every: "Mapping[str, Sequence[Trial]]") -> list[dict[str, Any]]:
    """Return a row per figure and kind but the first, which the others are compared with.

    A kind's recommenders, sorted by NDCG, are joined to a curve, and two curves are read by linear interpolation at
    the highest NDCG that both reach. Intervals resample users, the same in both curves: percentiles of
    1,000 draws, in each of which accuracy is matched anew. NaN where curves do not overlap.
    """
    if not kinds:
        return []
    names = [name for of_kind in kinds.values() for name in of_kind]
    users = _users(names, every)
    weights = _weights(len(users))
    means = {
        (name, figure): _means(_per_user(every[name], figure, users), weights)
        for name in names
        for figure in ("ndcg", *FIGURES)
    }
    curve = {
        (kind, figure): np.stack([means[name, figure] for name in some])
        for kind, some in kinds.items()
        for figure in ("ndcg", *FIGURES)
    }
    first, *others = kinds
    return [_row(figure, kind, first, curve) for figure in FIGURES for kind in others]


def _users(names: Sequence[str], every: "Mapping[str, Sequence[Trial]]") -> Ints:
    """Return the users whom all recommenders were asked about in every fit."""
    users = every[names[0]][0].users
    for name in names:
        for trial in every[name]:
            users = np.intersect1d(users, trial.users)
    return users


def _per_user(trials: "Sequence[Trial]", figure: str, users: Ints) -> Floats:
    """Return each user's mean over the fits."""
    values = [one.of_users[figure][np.searchsorted(one.users, users)] for one in trials]
    return np.asarray(np.mean(values, axis=0))


def _weights(users: int) -> Floats:
    """Return how often each user counts: once, and in every resample."""
    rng = np.random.Generator(np.random.Philox(key=RESAMPLING_KEY))
    drawn = rng.multinomial(users, np.full(users, 1 / users), size=RESAMPLES)
    return np.concatenate([np.ones((1, users)), drawn])


def _means(values: Floats, weights: Floats) -> Floats:
    there = ~np.isnan(values)
    return np.asarray(weights @ np.where(there, values, 0.0) / np.maximum(weights @ there, 1))


def _read(accuracy: Floats, figure: Floats, level: Floats) -> Floats:
    """Return the (knobs, draws) curve's value at each draw's level."""
    order = np.argsort(accuracy, axis=0, kind="stable")
    x, y = (np.take_along_axis(part, order, axis=0) for part in (accuracy, figure))
    return np.array([np.interp(at, x[:, draw], y[:, draw]) for draw, at in enumerate(level)])


def _row(figure: str, kind: str, baseline: str, curve: Mapping[tuple[str, str], Floats]) -> dict[str, Any]:
    both = (kind, baseline)
    level = np.min([curve[one, "ndcg"].max(axis=0) for one in both], axis=0)
    level[level < np.max([curve[one, "ndcg"].min(axis=0) for one in both], axis=0)] = np.nan
    value, base = (_read(curve[one, "ndcg"], curve[one, figure], level) for one in both)
    apart = value - base
    meets = np.isnan(apart[1:]).mean() <= MOST_MISSING
    low, high = np.nanpercentile(apart[1:], (2.5, 97.5)) if meets else (np.nan, np.nan)
    return {
        "figure": figure,
        "kind": kind,
        "baseline": baseline,
        "ndcg": float(level[0]),
        "value": float(value[0]),
        "baseline_value": float(base[0]),
        "difference": float(apart[0]),
        "low": float(low),
        "high": float(high),
        "verdict": verdict(low, high),
    }
