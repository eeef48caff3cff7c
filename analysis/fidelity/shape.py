"""Whether what simulated users take of their own accord looks, as a whole, like what real ones took."""

import numpy as np

from agents.choice import PopularityThen
from agents.schema import Bools, Draws, Floats
from analysis.fidelity.fold import Fold
from analysis.fidelity.play import Player
from analysis.fidelity.questions import pages
from analysis.metrics.concentration import gini_index


def taken_alone(player: Player, fold: Fold, rows: Bools, n_items: int, draws: Draws) -> tuple[Bools, Bools]:
    """Return what users draw without a recommender, and what they really took: both (users, items).

    Each judged user draws as many items as it has held-out ones in ``rows``, without replacement, from
    all it has not taken before, with probabilities proportional to exp(utility), popularity as of the
    first of those moments.
    """
    then, every = PopularityThen(fold.known, n_items), np.arange(n_items)
    place = np.searchsorted(fold.tested, fold.held.user_id)
    before = np.searchsorted(fold.tested, fold.known.user_id).clip(max=len(fold.tested) - 1)
    mine = fold.tested[before] == fold.known.user_id
    barred = np.zeros((len(fold.tested), n_items), dtype=np.bool_)
    barred[before[mine], fold.known.item_id[mine]] = True
    real, drawn = np.zeros_like(barred), np.zeros_like(barred)
    real[place[rows], fold.held.item_id[rows]] = True
    for user in np.flatnonzero(real.any(axis=1)).tolist():
        now = then(every[None], fold.held.time[rows & (place == user)].min()[None])
        utility = player.utility(pages(np.array([user]), every[None], now, np.array([user])))[0]
        noise = -np.log(-np.log(draws.uniform("fidelity draw", user, every) + 2.0**-54))
        key = np.where(barred[user], -np.inf, utility + noise)
        drawn[user, np.argsort(-key, kind="stable")[: int(real[user].sum())]] = True
    return drawn, real


def figures(taken: Bools, real: Bools, genres: Floats) -> dict[str, float]:
    """Return popularity Gini, topic entropy and co-consumption of what was taken over those of what really was."""
    ginis = [float(gini_index(part.sum(axis=0).astype(np.float64))) for part in (taken, real)]
    found = {
        "gini_ratio": _ratio(*ginis),
        "coconsumption_ratio": _ratio(co_consumption(taken), co_consumption(real)),
    }
    if genres.shape[1] > 1:
        found["entropy_ratio"] = _ratio(topic_entropy(taken, genres), topic_entropy(real, genres))
    return found


def _ratio(one: float, other: float) -> float:
    return one / other if other > 0 else float("nan")


def topic_entropy(taken: Bools, genres: Floats) -> float:
    """Return the mean over users of the entropy in bits of their genre shares; ``genres`` are shares per item.

    >>> topic_entropy(np.array([[True, True], [True, False]]), np.eye(2))
    0.5
    """
    mass = taken @ genres
    mass = mass[mass.sum(axis=1) > 0]
    share = mass / mass.sum(axis=1, keepdims=True)
    return float(-(share * np.log2(np.where(share > 0, share, 1.0))).sum(axis=1).mean())


def co_consumption(taken: Bools) -> float:
    """Return the mean over pairs of users of the items both took over the geometric mean of what each took.

    >>> round(co_consumption(np.array([[True, True], [True, False]])), 4)
    0.7071
    """
    active = taken[taken.any(axis=1)].astype(np.float64)
    size, users = active.sum(axis=1), len(active)
    common = (active @ active.T) / np.sqrt(np.outer(size, size))
    return float((common.sum() - users) / max(users * (users - 1), 1))
