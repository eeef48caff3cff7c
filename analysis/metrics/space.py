"""A space of tastes, fitted once on what was known at time 0: where items lie, and so where whoever takes them does."""

import warnings
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import svds
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped,unused-ignore]

from agents.schema import Bools, Floats, Ints
from analysis.metrics.lists import Lists

DIMENSIONS = 8
FEWEST_TAKERS = 5
"""Items with fewer takers have no place: the analysis would put each of them at the rim, alone."""
MOST_FITTED = 5000
"""Histories the space is fitted on; of more, every so-manieth."""
SMALL = 64
"""Up to this many users or items, all of the decomposition is computed: what is truncated needs room."""
CLUSTERS = 5
START_KEY = 20_163_003
"""Key of the fixed Philox stream that starts the truncated decomposition; also seeds the first clustering."""


@dataclass(frozen=True)
class Space:
    """Places of items, and of the users' profiles at time 0.

    ``places`` are (items, dimensions), 0 for items without a place; a user lies at the mean of its items' places.
    """

    places: Floats
    placed: Bools
    profiles: Floats
    """(users, dimensions), NaN rows for users without a placed item."""

    def positions(self, lists: Lists) -> Floats:
        """Return (users, dimensions): the mean place of the placed items of each list, NaN rows where there is none."""
        return lists.derived(self._positions, self.places)

    def _positions(self, lists: Lists, places: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            return np.asarray(lists.totals(places) / lists.sums(self.placed[lists.item])[:, None])

    @cached_property
    def middle(self) -> float:
        """Return the median leaning (first coordinate) of the profiles, which divides the camps."""
        leaning = self.profiles[:, 0]
        leaning = leaning[~np.isnan(leaning)]
        return float(np.median(leaning)) if len(leaning) else 0.0

    @cached_property
    def span(self) -> tuple[float, float]:
        """Return between what leanings all profiles but the outermost 1 % on each side lie."""
        leaning = self.profiles[:, 0]
        low, high = np.nanpercentile(leaning, [1, 99]) if not np.isnan(leaning).all() else (0.0, 0.0)
        return float(low), float(high)

    @cached_property
    def centers(self) -> Floats:
        """Return the centers of the clusters that the profiles form at time 0."""
        there = self.profiles[~np.isnan(self.profiles).any(axis=1)]
        return _k_means(there, min(CLUSTERS, len(np.unique(there, axis=0))))[1]

    def clusters(self, positions: Floats) -> Ints:
        """Return the cluster per position, grown from those at time 0 so that numbers keep their meaning."""
        if len(self.centers) < 2 or len(positions) < len(self.centers):
            return np.zeros(len(positions), dtype=np.int64)
        return _k_means(positions, len(self.centers), self.centers)[0]


def _k_means(positions: Floats, n: int, start: Floats | None = None) -> tuple[Ints, Floats]:
    """Return the cluster of each position and the centers; from given centers one pass, else the best of four."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    if n < 2:
        return np.zeros(len(positions), dtype=np.int64), np.empty((0, positions.shape[1]))
    with (
        warnings.catch_warnings(),
        _threads().limit(limits=1),
    ):  # threads that wait for each other cost more than they bring
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct positions than clusters
        begin = {"n_init": 4} if start is None else {"init": start, "n_init": 1}
        fitted = KMeans(n, random_state=START_KEY, **begin).fit(positions)
    return fitted.labels_.astype(np.int64), np.asarray(fitted.cluster_centers_)


@cache
def _threads() -> ThreadpoolController:
    """Return what limits the threads of the libraries loaded by now, scikit-learn's among them: a slow search."""
    return ThreadpoolController()


def fit_space(known: Lists, profiles: Lists, n_items: int) -> Space | None:
    """Return the space of known histories by correspondence analysis, None where they are too few to span one.

    The first coordinate is the axis along which tastes differ most, whatever each user's and item's number of
    takings. A user's place is the mean of its items' standard coordinates (the transition formula).
    Source: Greenacre 1984; as the ideology of users of who follows whom, Barbera et al. 2015.
    """
    taken = _matrix(known, n_items)
    placed = np.asarray(taken.sum(axis=0)) >= FEWEST_TAKERS
    taken = taken[:, np.flatnonzero(placed)]
    taken = taken[np.flatnonzero(np.asarray(taken.sum(axis=1)) > 0)]
    if min(taken.shape) < 3:
        return None
    total = taken.sum()
    rows, columns = (np.asarray(taken.sum(axis=axis)) / total for axis in (1, 0))
    scaled = csr_array(diags_array(rows**-0.5) @ (taken / total) @ diags_array(columns**-0.5))
    places = np.zeros((n_items, min(DIMENSIONS, min(taken.shape) - 2)))
    places[placed] = _right_vectors(scaled, places.shape[1]) / np.sqrt(columns)[:, None]
    alone = Space(places, placed, np.empty((0, places.shape[1])))
    return Space(places, placed, alone.positions(profiles))


def _matrix(known: Lists, n_items: int) -> csr_array:
    """Return the (users, items) 0/1 matrix of at most MOST_FITTED histories."""
    step = -(-known.n // MOST_FITTED) or 1
    some = known.take(np.arange(0, known.n, step)) if step > 1 else known
    return csr_array((np.ones(len(some.item)), (some.owner, some.item)), shape=(some.n, n_items))


def _right_vectors(scaled: csr_array, n: int) -> Floats:
    """Return (items, n): the right singular vectors after the first, which only says how often items are taken."""
    if min(scaled.shape) <= SMALL:
        right = np.linalg.svd(scaled.toarray(), full_matrices=False)[2][1 : n + 1]
    else:
        start = np.random.Generator(np.random.Philox(key=START_KEY)).random(min(scaled.shape))
        _, values, vectors = svds(scaled, k=n + 1, v0=start)
        right = vectors[np.argsort(-values)[1:]]
    largest = right[np.arange(n), np.abs(right).argmax(axis=1)]
    return np.asarray((right * np.sign(largest)[:, None]).T)
