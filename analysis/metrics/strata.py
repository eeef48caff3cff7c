"""Divide items into head and tail, and users by how popular their taste is."""

from dataclasses import dataclass

import numpy as np

from agents.schema import Bools, Floats, Ints
from analysis.metrics.lists import Lists

GROUPS = ("niche", "diverse", "blockbuster")
"""User groups in the order of their codes; -1 is a user without a profile."""

BANDS = ("head", "mid", "tail")
"""Item strata in the order of the codes that ``bands`` gives."""

HEAD_SHARE = 0.8
BAND_SHARE = 0.2
POPULAR_ITEMS = 0.2
GROUP_SHARE = 0.2


@dataclass(frozen=True)
class Head:
    """The most popular items, frozen at the initial popularity.

    ``mask`` has one entry per item; ``tied_mass`` is the share of all interactions on items exactly as
    popular as the last one of the head, where the item id had to divide them, else 0.
    """

    mask: Bools
    tied_mass: float

    @property
    def tail(self) -> Bools:
        """Return the mask of the other items."""
        return ~self.mask


def by_popularity(popularity: Floats) -> Ints:
    """Return item ids from the most popular to the least, ties by item id."""
    return np.lexsort((np.arange(len(popularity)), -popularity)).astype(np.int64)


def prefix_size(popularity: Floats, share: float) -> int:
    """Return how many of the most popular items it takes to hold a share of all interactions."""
    held = np.cumsum(np.sort(popularity)[::-1])
    if len(held) == 0 or held[-1] == 0:
        return 0
    return int(np.searchsorted(held, share * held[-1] - 1e-9)) + 1


def head_tail(popularity: Floats, share: float = HEAD_SHARE) -> Head:
    """Return the smallest set of most popular items that hold a share of all interactions.

    >>> head = head_tail(np.array([4, 3, 1, 1, 1, 0]))
    >>> head.mask.tolist(), head.tied_mass
    ([True, True, True, False, False, False], 0.3)
    """
    order, size = by_popularity(popularity), prefix_size(popularity, share)
    mask = np.zeros(len(popularity), dtype=np.bool_)
    mask[order[:size]] = True
    if size == 0:
        return Head(mask, 0.0)
    tied = popularity == popularity[order[size - 1]]
    divided = bool((tied & ~mask).any())
    return Head(mask, float(popularity[tied].sum() / popularity.sum()) if divided else 0.0)


def bands(popularity: Floats) -> Ints:
    """Return 0, 1, 2 per item for head, mid and tail: head and tail hold the first and last 20 % of interactions.

    Source: Abdollahpouri et al., arXiv 2103.06364.

    >>> bands(np.array([4, 3, 1, 1, 1, 0])).tolist()
    [0, 1, 1, 2, 2, 2]
    """
    band = np.ones(len(popularity), dtype=np.int64)
    band[~head_tail(popularity, 1 - BAND_SHARE).mask] = 2
    band[head_tail(popularity, BAND_SHARE).mask] = 0
    return band


def user_groups(profiles: Lists, popularity: Floats) -> Ints:
    """Return the group code per user: niche, diverse, blockbuster; -1 without a profile.

    Users are sorted by the share of popular items (the top 20 % of the catalog, ties by item id) in
    their profile, ties by user; the lowest and the highest 20 % are niche and blockbuster.
    Source: Abdollahpouri et al., arXiv 1907.13286.

    >>> profiles = Lists.of_matrix(np.array([[0], [1], [2], [0], [3]]))
    >>> user_groups(profiles, np.array([9, 1, 1, 1, 1])).tolist()
    [1, 0, 1, 2, 1]
    """
    popular = np.zeros(len(popularity), dtype=np.bool_)
    popular[by_popularity(popularity)[: round(POPULAR_ITEMS * len(popularity))]] = True
    share = profiles.means(popular[profiles.item])
    order = np.lexsort((np.arange(profiles.n), share))[: int((profiles.lengths > 0).sum())]
    edge = round(GROUP_SHARE * len(order))
    group = np.full(profiles.n, -1, dtype=np.int64)
    group[order] = 1
    group[order[:edge]] = 0
    group[order[len(order) - edge :]] = 2
    return group
