"""Whether simulated users rank recommenders as real ones do."""

from collections.abc import Mapping

import numpy as np
from scipy.stats import kendalltau

from agents.choice import PopularityThen
from agents.schema import PAD, Ints
from analysis.fidelity.fold import Fold
from analysis.fidelity.play import Player
from analysis.fidelity.questions import pages


def real_ndcg(slates: Ints, fold: Fold) -> float:
    """Return the mean NDCG of slates (tested, K) against what their users took in the held-out part."""
    place = np.searchsorted(fold.tested, fold.held.user_id)
    taken = np.zeros((len(fold.tested), 1 + max(int(fold.held.item_id.max()), int(slates.max()))), dtype=np.bool_)
    taken[place, fold.held.item_id] = True
    discount = 1 / np.log2(2 + np.arange(slates.shape[1]))
    hit = taken[np.arange(len(slates))[:, None], slates] & (slates != PAD)
    best = np.cumsum(discount)[np.minimum(taken.sum(axis=1), slates.shape[1]) - 1]
    return float(((hit * discount).sum(axis=1) / best).mean())


def simulated_utility(slates: Ints, player: Player, fold: Fold, n_items: int, examination: float) -> float:
    """Return the mean number of watches of a slate, positions read with probability examination^(k - 1)."""
    now = PopularityThen(fold.known, n_items)
    users = np.arange(len(slates))
    moment = np.array([fold.held.time[fold.held.user_id == user].min() for user in fold.tested])
    shown = np.where(slates == PAD, 0, slates)
    chance = np.where(slates == PAD, 0.0, player.chance(pages(users, slates, now(shown, moment), users)))
    return float((chance * examination ** np.arange(slates.shape[1])).sum(axis=1).mean())


def tau(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Return Kendall's tau-b between two figures of the same recommenders.

    >>> tau({"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 0.1, "b": 0.3, "c": 0.2}).__round__(4)
    0.3333
    """
    names = sorted(one)
    return float(kendalltau([one[n] for n in names], [other[n] for n in names]).statistic)
