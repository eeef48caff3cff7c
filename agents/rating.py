"""The rating model: what people who watched something say of it, on the scale of the data.

A latent opinion is the item's public mean plus a user effect in content features (the first of which
is constant: lenient and severe raters), normal with a covariance estimated from the data by EM. A
rating is the level between two cut points in which opinion plus noise falls (cumulative link,
McCullagh 1980, probit); the cuts are solved so that the levels come out as often as they do in
the data.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from agents.schema import Floats

ROUNDS = 8
"""EM rounds."""
PSEUDO = 10.0
"""Pseudo-ratings that pull a user's noise variance towards everybody's."""


@dataclass(frozen=True)
class Rated:
    """One user's ratings: features (n, d) with a leading constant, and ratings minus the item's public mean."""

    features: Floats
    public: Floats
    residual: Floats


@dataclass(frozen=True)
class Opinion:
    """One user's part of the rating model."""

    weights: Floats
    """(d,)"""
    sd: float
    """Standard deviation of a rating around the opinion, uncertainty of the weights included."""


@dataclass(frozen=True)
class RatingModel:
    """The population's part of the fitted model."""

    mean: Floats
    covariance: Floats
    noise: float
    """Variance of the residuals."""
    cuts: Floats
    """(levels - 1,) on the scale of the data, ascending"""
    ratings: int

    def level(self, opinion: Floats, sd: Floats, u: Floats) -> Floats:
        """Return the level (0 the lowest) that uniforms ``u`` pick, elementwise, by inverse distribution."""
        said = opinion + sd * ndtri(u)
        return np.searchsorted(self.cuts, said, side="right").astype(np.float64)

    def expected(self, opinion: Floats, sd: Floats) -> Floats:
        """Return the level to be expected, elementwise: the chances of reaching each level but the lowest, summed."""
        return np.asarray(ndtr((opinion[..., None] - self.cuts) / sd[..., None]).sum(axis=-1))


def fit(users: Sequence[Rated], width: int, levels: Floats) -> RatingModel:
    """Fit the population to its users' ratings; ``levels`` are the ratings the scale allows, ascending.

    ``width`` is the number of features, the constant included; without any rating everybody is alike.
    """
    mean, covariance = np.zeros(width), 0.1 * np.eye(width)
    count = sum(len(own.residual) for own in users)
    noise = float(np.mean(np.concatenate([own.residual for own in users]) ** 2)) if count else 1.0
    for _ in range(ROUNDS if count else 0):
        weights, scatter, squares = [], np.zeros((width, width)), 0.0
        for own in users:
            mode, spread = _posterior(own, mean, covariance, noise)
            weights.append(mode)
            scatter += np.outer(mode - mean, mode - mean) + spread
            error = own.residual - own.features @ mode
            squares += float(error @ error + np.einsum("nd,de,ne->", own.features, spread, own.features))
        mean = np.mean(weights, axis=0)
        covariance = scatter / len(users) + 1e-6 * np.eye(width)
        noise = max(squares / count, 1e-6)
    model = RatingModel(mean, covariance, noise, (levels[1:] + levels[:-1]) / 2, count)
    return RatingModel(mean, covariance, noise, _cuts(model, users, levels), count) if count else model


def opinion(model: RatingModel, own: Rated) -> Opinion:
    """Return a user's weights and spread from its own ratings, both shrunk towards everybody's."""
    weights, spread = _posterior(own, model.mean, model.covariance, model.noise)
    error = own.residual - own.features @ weights
    variance = (float(error @ error) + PSEUDO * model.noise) / (len(error) + PSEUDO)
    doubt = float(np.einsum("nd,de,ne->", own.features, spread, own.features)) / max(len(error), 1)
    return Opinion(weights, float(np.sqrt(variance + doubt)))


def _posterior(own: Rated, mean: Floats, covariance: Floats, noise: float) -> tuple[Floats, Floats]:
    """Return mean and covariance of a user's weights given its ratings (normal-normal)."""
    precision = np.linalg.inv(covariance)
    spread = np.asarray(np.linalg.inv(precision + own.features.T @ own.features / noise), dtype=np.float64)
    return spread @ (precision @ mean + own.features.T @ own.residual / noise), spread


def _cuts(model: RatingModel, users: Sequence[Rated], levels: Floats) -> Floats:
    """Return the cut points at which the expected share of each level is its share in the data."""
    opinions = [opinion(model, own) for own in users]
    means = [own.public + own.features @ view.weights for own, view in zip(users, opinions, strict=True)]
    center = np.concatenate(means)
    sd = np.concatenate([np.full(len(own.public), view.sd) for own, view in zip(users, opinions, strict=True)])
    given = np.concatenate([own.public + own.residual for own in users])
    wanted = (given[:, None] < (levels[1:] + levels[:-1]) / 2).mean(axis=0)
    reach = 10 * (levels[-1] - levels[0] + sd.max())
    low, high = np.full(len(wanted), levels[0] - reach), np.full(len(wanted), levels[-1] + reach)
    for _ in range(50):
        middle = (low + high) / 2
        share = ndtr((middle - center[:, None]) / sd[:, None]).mean(axis=0)
        low, high = np.where(share < wanted, middle, low), np.where(share < wanted, high, middle)
    return np.asarray((low + high) / 2, dtype=np.float64)
