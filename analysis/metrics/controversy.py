"""Whether a walk along ties crosses from one camp to the other."""

import numpy as np

from agents.schema import Floats, Ints
from analysis.metrics.base import Metric, Null, Value
from analysis.metrics.ties import NULL_DRAWS, Ties, shuffled

HUBS = 10
"""Best-tied users of each camp at whom a walk ends."""
MOST_WALKED = 3000
"""Users up to whom the exact solution is computed: it takes the inverse of a matrix over all of them."""


def random_walk_controversy(camp: Ints, ties: Ties, hubs: int = HUBS) -> Value:
    """Return RWC = P(X from X) P(Y from Y) - P(X from Y) P(Y from X), of where walks that ended in a camp began.

    A walk begins at any user of camp 0 (X) or 1 (Y), both camps alike, and ends at the first of the ``hubs``
    best-tied users of either camp, ties by user id. With a and b the chances to end in X from X and from Y,
    RWC = (a - b) / ((a + b) (2 - a - b)): about 1 where camps do not meet, 0 where they mix. Exact: chances are
    potentials on the largest connected part. Users in no camp pass walks on. Camps are dealt out by lot for the
    null. NaN without two camps, or over MOST_WALKED users.

    >>> bridged = Ties.of(np.array([0, 0, 1, 2, 3, 3, 4]), np.array([1, 2, 2, 3, 4, 5, 5]), 6)
    >>> round(float(random_walk_controversy(np.array([0, 0, 0, 1, 1, 1]), bridged, hubs=1)), 9)
    1.0
    """
    if not len(ties) or len(ties.largest) > MOST_WALKED:
        return Value(float("nan"), 0, len(camp))
    inside = camp[ties.largest]
    there = inside >= 0
    n, n_skipped = int(there.sum()), len(camp) - int(there.sum())
    hubs = min(hubs, *(int((inside == code).sum()) for code in (0, 1)))
    if not hubs:
        return Value(float("nan"), n, n_skipped)
    dealt = np.full((1 + NULL_DRAWS, len(inside)), -1)
    dealt[0], dealt[1:, there] = inside, shuffled(inside[there])
    found = np.array([_controversy(one, ties, hubs) for one in dealt])
    return Value(float(found[0]), n, n_skipped, null=Null.of(found[1:]))


def _controversy(camp: Ints, ties: Ties, hubs: int) -> float:
    by_degree = np.argsort(-ties.degree[ties.largest], kind="stable")
    ends = np.concatenate([by_degree[camp[by_degree] == code][:hubs] for code in (0, 1)])
    chance = _chances(ties.potentials[ends], ends, np.repeat([1.0, 0.0], hubs))
    a, b = (float(chance[camp == code].mean()) for code in (0, 1))
    return (a - b) / ((a + b) * (2 - a - b))


def _chances(potentials: Floats, ends: Ints, end: Floats) -> Floats:
    """Return per user the mean of ``end`` over where its walk ends.

    The mean is harmonic away from the ends, hence c + sum_e q_e L+(e, .) with charges q that add up to 0 and give
    ``end`` at the ends: as many equations as there are ends, and one more.
    """
    n = len(ends)
    system = np.ones((n + 1, n + 1))
    system[:n, :n], system[n, n] = potentials[:, ends], 0
    solved = np.linalg.solve(system, np.append(end, 0.0))
    return np.asarray(solved[:n] @ potentials + solved[n])


METRICS = (
    Metric(
        "random_walk_controversy",
        f"random_walk_controversy/exact/{HUBS}-hubs/camps-at-initial-median/null-lot",
        "polarization",
        "ecosystem",
        ("camp", "ties"),
        (-1, 1),
        "more biased",
        "Garimella et al. 2018, arXiv 1507.05224",
        random_walk_controversy,
    ),
)
