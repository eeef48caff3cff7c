"""How alike the users' lists are."""

import numpy as np

from agents.schema import Ints
from analysis.metrics.base import Metric, Value
from analysis.metrics.lists import Lists

MAX_PAIRS = 20_000
PAIR_KEY = 20_163_001
"""Key of the fixed Philox stream that samples pairs: the same pairs in every arm, day and run of one size."""

BLOCK = 2048
"""Items compared at once: bounds the memory of 40,000 users' bits to 80 MB."""


def user_pairs(n: int) -> tuple[Ints, Ints]:
    """Return all pairs of n users, or MAX_PAIRS of them drawn with a fixed seed where there are more.

    >>> [side.tolist() for side in user_pairs(3)]
    [[0, 0, 1], [1, 2, 2]]
    """
    if n * (n - 1) // 2 <= MAX_PAIRS:
        first, second = np.triu_indices(n, 1)
        return first.astype(np.int64), second.astype(np.int64)
    random = np.random.Generator(np.random.Philox(key=PAIR_KEY))
    first = random.integers(0, n, MAX_PAIRS)
    return first, (first + random.integers(1, n, MAX_PAIRS)) % n


def mean_pairwise_jaccard(lists: Lists) -> Value:
    """Return the mean over pairs of users of |A and B| / |A or B|.

    Pairs with an empty list are left out; ``n`` counts pairs, ``n_skipped`` users without a list.
    Exact up to 200 users, beyond that over MAX_PAIRS pairs of fixed seed.

    >>> round(float(mean_pairwise_jaccard(Lists.of_matrix(np.array([[3, 4], [2, 3], [1, 2], [2, 5]])))), 5)
    0.22222
    >>> profiles = Lists.of_matrix(np.array([[0, 1, 2], [0, 1, -1], [0, 3, -1], [0, 1, 4]]))
    >>> round(float(mean_pairwise_jaccard(profiles)), 5)
    0.44444
    """
    first, second = user_pairs(lists.n)
    both = (lists.lengths[first] > 0) & (lists.lengths[second] > 0)
    first, second = first[both], second[both]
    n_skipped = int((lists.lengths == 0).sum())
    if len(first) == 0:
        return Value(float("nan"), 0, n_skipped)
    overlap = shared_items(lists, first, second)
    return Value(
        float((overlap / (lists.lengths[first] + lists.lengths[second] - overlap)).mean()), len(first), n_skipped
    )


def shared_items(lists: Lists, first: Ints, second: Ints) -> Ints:
    """Return the number of common items of each pair of users, one block of the catalog's bits after the other."""
    users, place = np.unique(np.concatenate([first, second]), return_inverse=True)
    lists, (first, second) = lists.take(users), np.split(place, 2)
    shared = np.zeros(len(first), dtype=np.int64)
    for start in range(0, int(lists.item.max()) + 1, BLOCK):
        rows = (lists.item >= start) & (lists.item < start + BLOCK)
        bits = np.zeros((lists.n, BLOCK), dtype=np.bool_)
        bits[lists.owner[rows], lists.item[rows] - start] = True
        packed = np.packbits(bits, axis=1).view(np.uint64)
        shared += np.bitwise_count(packed[first] & packed[second]).sum(axis=1, dtype=np.int64)
    return shared


def inter_list_diversity(slates: Lists, k: int) -> Value:
    """Return 1 - the mean over all pairs of users of |A and B| / K, exact at any size.

    The items shared by all pairs are sum_i c_i (c_i - 1) / 2 with c_i the lists that hold item i.

    >>> slates = Lists.of_matrix(np.array([[3, 4], [2, 3], [1, 2], [2, 5]]))
    >>> round(float(inter_list_diversity(slates, 2)), 5)
    0.66667
    """
    users = int((slates.lengths > 0).sum())
    pairs = users * (users - 1) // 2
    if pairs == 0:
        return Value(float("nan"), 0, slates.n - users)
    holders = np.bincount(slates.item)
    shared = int((holders * (holders - 1) // 2).sum())
    return Value(1 - shared / pairs / k, pairs, slates.n - users)


HAMMING = "Zhou et al. 2010, PNAS"
METRICS = (
    Metric(
        "mean_pairwise_jaccard",
        "mean_pairwise_jaccard/all-or-20000-pairs",
        "homogenization",
        "ecosystem",
        ("slates",),
        (0, 1),
        "more biased",
        "Chaney et al. 2018, arXiv 1710.11214",
        mean_pairwise_jaccard,
    ),
    Metric(
        "profile_mean_pairwise_jaccard",
        "mean_pairwise_jaccard/profiles/all-or-20000-pairs",
        "homogenization",
        "ecosystem",
        ("profiles",),
        (0, 1),
        "more biased",
        "Chaney et al. 2018, arXiv 1710.11214",
        mean_pairwise_jaccard,
    ),
    Metric(
        "inter_list_diversity",
        "inter_list_diversity/overlap-div-k",
        "homogenization",
        "ecosystem",
        ("slates", "k"),
        (0, 1),
        "less biased",
        HAMMING,
        inter_list_diversity,
    ),
)
