"""Whether a classifier can tell users of one table from users of another."""

from typing import TYPE_CHECKING

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from agents.schema import Floats, Ints
from analysis.augment.neighborhoods import points
from analysis.augment.space import Space
from analysis.metrics.base import sums_by

if TYPE_CHECKING:
    from simulator.catalog import Interactions

TREES, LEAF, FOLDS = 100, 5, 5
CLASSIFIER = (
    f"random forest of {TREES} trees, at least {LEAF} users a leaf, {FOLDS}-fold cross-validation with all that stems "
    "from one real user in one fold; features of a user's set: mean vector of its items (SVD of other users' matrix) "
    "and its length, mean and standard deviation of log popularity, shares of head, mid and tail, shares of genres, "
    "cosine of neighboring items, and, where both sides rate, mean and standard deviation of ratings"
)
"""What was trained, in words."""
RATED = 0.5
"""Share of rows that must have a rating on both sides for ratings to be features."""


def two_sample_auc(real: "Interactions", other: "Interactions", space: Space, n_users: int, seed: int) -> float:
    """Return the cross-validated AUC of a classifier that tells other from real users; .5 where it cannot.

    Two users whose ids are equal modulo ``n_users`` stem from the same one. Fewer users than folds need give NaN.
    """
    rated = min(float((~np.isnan(log.rating)).mean()) for log in (real, other)) >= RATED
    sides = [features(log, space, rated) for log in (real, other)]
    group = np.concatenate([np.unique(log.user_id) for log in (real, other)]) % n_users
    kind = np.repeat([0, 1], [len(side) for side in sides])
    return cross_validated(np.concatenate(sides), kind, group, seed)


def cross_validated(x: Floats, kind: Ints, group: Ints, seed: int) -> float:
    """Return the AUC of what the classifier, trained on the other folds, says of each row."""
    if np.bincount(kind, minlength=2).min() < 2 * FOLDS:
        return float("nan")
    said = np.full(len(x), np.nan)
    for known, asked in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(x, kind, group):
        forest = RandomForestClassifier(TREES, min_samples_leaf=LEAF, random_state=seed, n_jobs=1)
        said[asked] = forest.fit(x[known], kind[known]).predict_proba(x[asked])[:, 1]
    return float(roc_auc_score(kind, said))


def features(log: "Interactions", space: Space, rated: bool) -> Floats:
    """Return a row of features per user, users in ascending order of id."""
    owner = np.unique(log.user_id, return_inverse=True)[1]
    n, item = int(owner.max(initial=-1)) + 1, log.item_id
    center, popularity = points(log, space), np.log1p(space.popularity[item])
    found = [center, np.linalg.norm(center, axis=1), *_moments(owner, popularity, n)]
    found += [_mean(owner, (space.band[item] == band).astype(np.float64), n) for band in range(3)]
    found += [_mean(owner, space.genres[item, genre], n) for genre in range(space.genres.shape[1])]
    found.append(_neighbors(owner, space.vectors[item], n))
    if rated:
        found += _moments(owner[~np.isnan(log.rating)], log.rating[~np.isnan(log.rating)], n)
    return np.column_stack(found)


def _mean(owner: Ints, values: Floats, n: int) -> Floats:
    return np.asarray(sums_by(owner, values, n) / np.maximum(np.bincount(owner, minlength=n), 1))


def _moments(owner: Ints, values: Floats, n: int) -> list[Floats]:
    """Return per group the mean and the standard deviation."""
    mean = _mean(owner, values, n)
    return [mean, np.sqrt(np.maximum(_mean(owner, (values - mean[owner]) ** 2, n), 0.0))]


def _neighbors(owner: Ints, vectors: Floats, n: int) -> Floats:
    """Return per user the mean cosine of what was taken one after the other."""
    rows = np.argsort(owner, kind="stable")
    alike = np.einsum("ij,ij->i", vectors[rows[1:]], vectors[rows[:-1]])
    same = owner[rows[1:]] == owner[rows[:-1]]
    return _mean(owner[rows[1:]][same], alike[same], n)
