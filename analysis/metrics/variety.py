"""How varied each user's own list is, by genre.

``genres`` is the (items, genres) 0/1 matrix. Items without a genre say nothing about variety and are left out.
"""

import numpy as np

from agents.schema import Floats, Ints
from analysis.metrics.base import INF, Metric, Value, mean_value
from analysis.metrics.lists import Lists

RAREFIED_ITEMS = 5
RAREFIED_DRAWS = 16
RAREFY_KEY = 20_163_002
"""Key of the fixed Philox stream that draws the subsamples of ``topic_entropy_rarefied``."""

SMALLEST = np.finfo(np.float64).tiny


def with_genre(lists: Lists, genres: Floats) -> Lists:
    """Return the lists without the items that have no genre."""
    return lists.derived(_with_genre, genres)


def _with_genre(lists: Lists, genres: Floats) -> Lists:
    known = (genres.sum(axis=1) > 0)[lists.item]
    return lists if known.all() else Lists(lists.owner[known], lists.item[known], lists.n)


def genre_shares(lists: Lists, genres: Floats) -> Floats:
    """Return the (users, genres) shares of genres in each list, NaN rows for lists without any genre.

    A multi-genre item splits its weight evenly among its genres.

    >>> genre_shares(Lists.of_matrix(np.array([[0, 1]])), np.array([[1, 0], [1, 1]])).tolist()
    [[0.75, 0.25]]
    """
    return lists.derived(_genre_shares, genres)


def _genre_shares(lists: Lists, genres: Floats) -> Floats:
    summed = lists.totals(split(genres))
    with np.errstate(invalid="ignore"):
        return np.asarray(summed / summed.sum(axis=1, keepdims=True))


def split(genres: Floats) -> Floats:
    """Return the weight of each item in each of its genres, 1 in all."""
    return np.asarray(genres / np.maximum(genres.sum(axis=1, keepdims=True), 1))


def unit_totals(lists: Lists, genres: Floats) -> Floats:
    """Return the (users, genres) sum over each list of the items' genre vectors of length 1."""
    return lists.derived(_unit_totals, genres)


def _unit_totals(lists: Lists, genres: Floats) -> Floats:
    return lists.totals(genres / np.maximum(np.linalg.norm(genres, axis=1, keepdims=True), 1))


def entropy_bits(shares: Floats) -> Floats:
    """Return Shannon's entropy in bits of each row of shares, NaN rows staying NaN."""
    return np.asarray(0.0 - np.einsum("ug,ug->u", shares, np.log2(np.maximum(shares, SMALLEST))))


def topic_entropy(slates: Lists, genres: Floats) -> Value:
    """Return the mean over users of the entropy in bits of the genres in the list.

    H_u = - sum_g p(g|u) log2 p(g|u), a multi-genre item splitting its weight.

    >>> genres = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0]])
    >>> round(float(topic_entropy(Lists.of_matrix(np.array([[0, 1]])), genres)), 5)
    0.81128
    >>> float(topic_entropy(Lists.of_matrix(np.array([[0, 1, 2]])), genres))
    1.0
    """
    return mean_value(entropy_bits(genre_shares(slates, genres)))


def topic_entropy_rarefied(slates: Lists, genres: Floats) -> Value:
    """Return the topic entropy of RAREFIED_ITEMS random items per list, comparable between long and short lists.

    The mean over RAREFIED_DRAWS draws without replacement from a fixed stream; users with fewer
    items (that have a genre) are skipped.

    >>> float(topic_entropy_rarefied(Lists.of_matrix(np.array([[0, 1, 2, 3, 4, 5]])), np.ones((6, 4))))
    2.0
    """
    lists = with_genre(slates, genres)
    long = np.flatnonzero(lists.lengths >= RAREFIED_ITEMS)
    lengths, starts, weights = lists.lengths[long], lists.starts[long], split(genres)
    random = np.random.Generator(np.random.Philox(key=RAREFY_KEY))
    entropy = np.zeros(len(long))
    for _ in range(RAREFIED_DRAWS):
        rows = starts[:, None] + distinct_places(lengths, RAREFIED_ITEMS, random)
        entropy += _entropy_of_rows(lists, rows, weights)
    value = mean_value(entropy / RAREFIED_DRAWS)
    return Value(value.value, value.n, slates.n - value.n)  # not per user: the draws depend on who else is there


def _entropy_of_rows(lists: Lists, rows: Ints, weights: Floats) -> Floats:
    """Return the entropy in bits of the genres of each line of rows of the lists."""
    n, size = rows.shape
    drawn = Lists(np.repeat(np.arange(n, dtype=np.int32), size), lists.item[rows.ravel()], n)
    return entropy_bits(drawn.totals(weights) / size)


def distinct_places(lengths: Ints, n: int, random: np.random.Generator) -> Ints:
    """Return (lengths, n): n distinct places in 0..length-1 for each length (at least n).

    All subsets are equally likely; the places of a subset ascend.

    >>> distinct_places(np.array([3]), 3, np.random.default_rng(0)).tolist()
    [[0, 1, 2]]
    """
    places = np.empty((n, len(lengths)), dtype=np.int64)
    for taken, uniform in enumerate(random.random((n, len(lengths)))):
        place = np.floor(uniform * (lengths - taken)).astype(np.int64)
        for earlier in places[:taken]:  # ascending: step over each place that is already taken
            place += place >= earlier
        for earlier in places[:taken]:  # put it in its place
            earlier[:], place = np.minimum(earlier, place), np.maximum(earlier, place)
        places[taken] = place
    return places.T


def top1_genre_share(slates: Lists, genres: Floats) -> Value:
    """Return the mean over users of the largest genre share in the list, max_g p(g|u).

    >>> float(top1_genre_share(Lists.of_matrix(np.array([[0, 1]])), np.array([[1, 0], [1, 1]])))
    0.75
    """
    return mean_value(genre_shares(slates, genres).max(axis=1))


def n_genres(slates: Lists, genres: Floats) -> Value:
    """Return the mean over users of the number of distinct genres in the list.

    >>> float(n_genres(Lists.of_matrix(np.array([[0, 1]])), np.array([[1, 0, 0], [1, 1, 0]])))
    2.0
    """
    shares = genre_shares(slates, genres)
    return mean_value(np.where(np.isnan(shares).any(axis=1), np.nan, (shares > 0).sum(axis=1)))


def intra_list_diversity(slates: Lists, genres: Floats) -> Value:
    """Return the mean over users of the mean cosine distance between the genre vectors of two items of the list.

    ILD_u = 1 - (|sum v|^2 - m) / (m (m - 1)) over the m unit vectors v. Lists under 2 items are skipped.

    >>> slates = Lists.of_matrix(np.array([[3, 4], [2, 3], [1, 2], [2, 5]]))
    >>> genres = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1]])
    >>> round(float(intra_list_diversity(slates, genres)), 5)
    0.46967
    """
    lists = with_genre(slates, genres)
    similar = (unit_totals(lists, genres) ** 2).sum(axis=1) - lists.lengths
    return mean_value(np.maximum(1 - similar / _ordered_pairs(lists), 0))


def intra_list_diversity_hamming(slates: Lists, genres: Floats) -> Value:
    """Return the mean over users of the mean share of genres in which two items of the list differ.

    ILD_u = sum_g 2 a_g (m - a_g) / (G m (m - 1)), a_g the items of the list with genre g.

    >>> genres = np.array([[1, 0], [1, 1]])
    >>> float(intra_list_diversity_hamming(Lists.of_matrix(np.array([[0, 1]])), genres))
    0.5
    """
    lists = with_genre(slates, genres)
    have = lists.totals(genres)
    differing = 2 * (have * (lists.lengths[:, None] - have)).sum(axis=1)
    return mean_value(differing / genres.shape[1] / _ordered_pairs(lists))


def intra_list_diversity_jaccard(slates: Lists, genres: Floats) -> Value:
    """Return the mean over users of the mean Jaccard distance between the genre sets of two items of the list.

    Items with the same genres are counted together, so the cost grows with distinct genre sets, not with pairs.

    >>> genres = np.array([[1, 0, 0], [1, 1, 0]])
    >>> float(intra_list_diversity_jaccard(Lists.of_matrix(np.array([[0, 1]])), genres))
    0.5
    """
    lists = with_genre(slates, genres)
    kinds, kind = _kinds(lists, genres)
    common = kinds @ kinds.T
    either = kinds.sum(axis=1)[:, None] + kinds.sum(axis=1)[None, :] - common
    distance = 1 - common / np.maximum(either, 1)
    have = Lists(lists.owner, kind, lists.n)
    return mean_value(have.sums_of_pairs(distance) / _ordered_pairs(lists))


def _kinds(lists: Lists, genres: Floats) -> tuple[Floats, Ints]:
    """Return the distinct genre rows of the items in the lists, and which of them each row of the lists has."""
    items, place = np.unique(lists.item, return_inverse=True)
    packed = np.packbits(genres[items] > 0, axis=1)
    order = np.lexsort(packed.T[::-1])
    new = np.concatenate([[True], (packed[order][1:] != packed[order][:-1]).any(axis=1)])[: len(order)]
    kind = np.empty(len(items), dtype=np.int64)
    kind[order] = np.cumsum(new) - 1
    return genres[items[order[new]]], kind[place]


def _ordered_pairs(lists: Lists) -> Floats:
    """Return m (m - 1) per list, NaN where that is 0."""
    pairs = (lists.lengths * (lists.lengths - 1)).astype(np.float64)
    pairs[pairs == 0] = np.nan
    return pairs


ILD = "Ziegler et al. 2005; Vargas & Castells 2011"
ENTROPY = "Shannon 1948, over genres"
METRICS = (
    Metric(
        "topic_entropy",
        "topic_entropy/bits/split-genres",
        "filter bubble",
        "individual",
        ("slates", "genres"),
        (0, INF),
        "less biased",
        ENTROPY,
        topic_entropy,
    ),
    Metric(
        "topic_entropy_rarefied",
        f"topic_entropy/bits/split-genres/rarefied-{RAREFIED_ITEMS}",
        "filter bubble",
        "individual",
        ("slates", "genres"),
        (0, INF),
        "less biased",
        ENTROPY,
        topic_entropy_rarefied,
    ),
    Metric(
        "profile_topic_entropy",
        "topic_entropy/profiles/bits/split-genres",
        "filter bubble",
        "individual",
        ("profiles", "genres"),
        (0, INF),
        "less biased",
        ENTROPY,
        topic_entropy,
    ),
    Metric(
        "top1_genre_share",
        "top1_genre_share/split-genres",
        "filter bubble",
        "individual",
        ("slates", "genres"),
        (0, 1),
        "more biased",
        "Berger & Parker 1970, over genres",
        top1_genre_share,
    ),
    Metric(
        "n_genres",
        "n_genres/distinct",
        "filter bubble",
        "individual",
        ("slates", "genres"),
        (1, INF),
        "less biased",
        "genre richness",
        n_genres,
    ),
    Metric(
        "intra_list_diversity",
        "intra_list_diversity/cosine-genres",
        "diversity",
        "individual",
        ("slates", "genres"),
        (0, 1),
        "less biased",
        ILD,
        intra_list_diversity,
    ),
    Metric(
        "intra_list_diversity_jaccard",
        "intra_list_diversity/jaccard-genres",
        "diversity",
        "individual",
        ("slates", "genres"),
        (0, 1),
        "less biased",
        ILD,
        intra_list_diversity_jaccard,
    ),
    Metric(
        "intra_list_diversity_hamming",
        "intra_list_diversity/hamming-genres",
        "diversity",
        "individual",
        ("slates", "genres"),
        (0, 1),
        "less biased",
        ILD,
        intra_list_diversity_hamming,
    ),
)
