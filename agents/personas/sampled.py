"""Invented personas that are distributed like real ones."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit, logit

from agents.errors import InvalidInput
from agents.persona import Personas
from agents.personas.base import PersonaSource
from agents.schema import Draws, Floats, History, Ints, Item
from agents.traits import Traits, measure

EDGE = 1e-3
"""Shares are kept this far from 0 and 1 before their logit is taken."""
BLOCK = 16384
"""Users drawn at once: more would need memory, not less time."""


@dataclass
class Sampled(PersonaSource):
    """Draw personas from a joint model of all real users' traits, so that traits keep going together.

    A multivariate normal of transformed quantities (tastes as they are, logarithms of activity and
    rating spread, logits of conformity and mainstreaminess), its covariance shrunk to the diagonal.
    min_interactions: real users with fewer are left out of the fit.
    """

    invented: ClassVar[bool] = True

    min_interactions: int = 10

    def __post_init__(self) -> None:
        if self.min_interactions < 1:
            raise InvalidInput(f"min_interactions: {self.min_interactions} is not a positive number")

    def make(
        self,
        source_user: Ints,
        names: tuple[str, ...],
        history: History,
        items: tuple[Item, ...],
        popularity: Floats,
        draws: Draws,
    ) -> Personas:
        """Return as many personas as ``source_user`` has entries; who those are does not matter."""
        taken = np.bincount(history.user_id, minlength=len(names))
        fitted = np.flatnonzero(taken >= self.min_interactions)
        if len(fitted) < 2:
            raise InvalidInput(
                f"persona sampled: min_interactions {self.min_interactions} leaves {len(fitted)} users to learn from; "
                "lower it, or raise data.split.users"
            )
        traits = measure(history, items, popularity, len(names))
        drawn = sample(traits.take(fitted), np.arange(len(source_user)), draws)
        return Personas(drawn, np.full(len(source_user), -1, dtype=np.int64), items, history, names)


def sample(real: Traits, users: Ints, draws: Draws) -> Traits:
    """Return invented traits, one row per entry of ``users`` and keyed by it, that go together as the real ones do."""
    points = _transformed(real)
    mean, root = points.mean(axis=0), np.linalg.cholesky(_shrunk_covariance(points))
    lowest, highest = points.min(axis=0), points.max(axis=0)
    columns = np.arange(len(mean))
    drawn = Traits.room(real.genres, len(users))
    for start in range(0, len(users), BLOCK):
        noise = draws.normal("persona", users[start : start + BLOCK, None], columns)
        invented = mean + np.einsum("ud,kd->uk", noise, root)
        drawn.put(start, _back(np.clip(invented, lowest, highest), real.genres))
    return drawn


def _transformed(traits: Traits) -> Floats:
    columns = (
        np.log(traits.activity),
        logit(np.clip(traits.conformity, EDGE, 1 - EDGE)),
        traits.diversity,
        logit(np.clip(traits.mainstreaminess, EDGE, 1 - EDGE)),
        traits.rating_mean,
        np.log(np.maximum(traits.rating_sd, EDGE)),
    )
    return np.column_stack([traits.tastes, *columns])


def _back(points: Floats, genres: tuple[str, ...]) -> Traits:
    tastes = points[:, : len(genres)]
    centered = tastes - tastes.mean(axis=1, keepdims=True) if genres else tastes
    activity, conformity, diversity, mainstreaminess, mean, spread = points[:, len(genres) :].T
    return Traits(
        genres=genres,
        tastes=centered.astype(np.float32),
        activity=np.exp(activity),
        conformity=np.asarray(expit(conformity)),
        diversity=diversity,
        mainstreaminess=np.asarray(expit(mainstreaminess)),
        rating_mean=mean,
        rating_sd=np.exp(spread),
    )


def _shrunk_covariance(rows: Floats) -> Floats:
    """Return the covariance, moved to its diagonal by d / (n + d): the fewer users, the more."""
    users, width = rows.shape
    covariance = np.atleast_2d(np.cov(rows, rowvar=False))
    weight = width / (users + width)
    diagonal = np.diag(np.maximum(np.diag(covariance), 1e-9))
    return np.asarray((1 - weight) * covariance + weight * diagonal)
