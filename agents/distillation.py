"""What language-model users chose in a recorded run, and the small model that learns to choose like them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from agents.errors import InvalidInput, MissingResource
from agents.pairs import Pairs
from agents.schema import Floats, Ints, Setting

if TYPE_CHECKING:
    import pandas as pd

PRIOR = 0.5
"""Variance of the normal prior of each coefficient of a standardized feature, centered at 0."""
STEPS = 50


@dataclass(frozen=True)
class Recorded:
    """Items that language-model users read for the first time, in the order of the log, and which they watched."""

    pairs: Pairs
    watched: Floats


@dataclass(frozen=True)
class Correction:
    """Standardization and coefficients of a logistic regression, the intercept first."""

    mean: Floats
    sd: Floats
    weights: Floats

    def __call__(self, features: Floats) -> Floats:
        """Return what (n, d) features add to the log odds, each row for itself."""
        z = (features - self.mean) / self.sd
        return np.asarray(self.weights[0] + np.einsum("nd,d->n", z, self.weights[1:]))


def read(folder: Path, setting: Setting) -> Recorded:
    """Return what the language-model users of a finished run did.

    They have to be the first users of this setting, by id and persona, and the catalog has to be the
    same, for what is known of both is taken from the setting. Raises MissingResource where there is
    no such run, InvalidInput where it has nobody to learn from.
    """
    _same_world(folder, setting)
    shown = _table(folder, "impressions", ["user_id", "item_id", "position", "action", "decided_by"])
    shown = shown[shown["action"] != "unseen"].drop_duplicates(["user_id", "item_id"])
    shown = shown[shown["decided_by"].isin(["llm", "repaired"]) & (shown["user_id"] < len(setting.personas))]
    if shown.empty:
        raise InvalidInput(f"journal: in {folder} no user of this scenario decided by a language model")
    user, item, position = (shown[name].to_numpy(np.int64) for name in ("user_id", "item_id", "position"))
    pairs = _pairs(setting, user, item, position)
    return Recorded(pairs, np.asarray(shown["action"] == "watch", dtype=np.float64))


def fit(features: Floats, offset: Floats, watched: Floats) -> Correction:
    """Fit watching as a logistic regression on top of ``offset`` log odds, by Newton's method with a normal prior.

    The intercept is free; without any signal all else stays 0, and the offset alone decides.
    """
    mean, sd = features.mean(axis=0), features.std(axis=0)
    sd = np.where(sd > 1e-9, sd, 1.0)
    z = np.column_stack([np.ones(len(features)), (features - mean) / sd])
    ridge = np.append(1e-3, np.full(features.shape[1], 1.0 / PRIOR))
    weights = np.zeros(z.shape[1])
    for _ in range(STEPS):
        chance = expit(offset + z @ weights)
        gradient = z.T @ (watched - chance) - ridge * weights
        information = (z.T * (chance * (1.0 - chance))) @ z + np.diag(ridge)
        step = np.clip(np.linalg.solve(information, gradient), -1.0, 1.0)
        weights = weights + step
        if np.abs(step).max() < 1e-6:
            break
    return Correction(mean, sd, weights)


def divergence(wanted: Floats, given: Floats) -> Floats:
    """Return the Kullback-Leibler divergence in nats of each probability given from the one wanted.

    Where the one wanted is 0 or 1, because only a choice is known, this is the log loss.

    >>> divergence(np.array([0.5, 1.0]), np.array([0.5, 0.5])).round(3).tolist()
    [0.0, 0.693]
    """
    given = np.clip(given, 1e-9, 1.0 - 1e-9)
    return _relative(wanted, given) + _relative(1.0 - wanted, 1.0 - given)


def _relative(p: Floats, q: Floats) -> Floats:
    return np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0) / q), 0.0)


def _same_world(folder: Path, setting: Setting) -> None:
    """Raise InvalidInput unless the run's users and items are those of the setting."""
    items = _table(folder, "items", ["title"])["title"].astype(str).tolist()
    if items != [item.title for item in setting.items]:
        raise InvalidInput(f"journal: {folder} is a run on another catalog; distill from a run on the same data")
    users = _table(folder, "users", ["user_id", "narrative"])
    common = users[users["user_id"] < len(setting.personas)]
    told = zip(common["user_id"].tolist(), common["narrative"].astype(str).tolist(), strict=True)
    if any(setting.personas[user].narrative != narrative for user, narrative in told):
        raise InvalidInput(
            f"journal: the users of {folder} are others than this scenario's; record it with the same data, "
            "data.split, users.persona and seed (users.count may differ)"
        )


def _table(folder: Path, name: str, columns: list[str]) -> "pd.DataFrame":
    import pandas as pd
    import pyarrow.parquet as pq

    files = sorted((folder / "log").glob(f"{name}-*.parquet"))
    if not files:
        raise MissingResource(f"journal: {folder} holds no finished run; record one with behavior kind: llm first")
    parts: list[pd.DataFrame] = [pq.read_table(file, columns=columns).to_pandas() for file in files]
    return pd.concat(parts, ignore_index=True)


def _pairs(setting: Setting, user: Ints, item: Ints, position: Ints) -> Pairs:
    """Return pairs as they would be met at time 0, on pages of their own."""
    rows: npt.NDArray[np.int64] = np.arange(len(user))
    size = setting.slate_size
    popularity = setting.popularity[item]
    return Pairs(rows * size + position % size, rows, user, rows, item, popularity, np.zeros_like(rows), None)
