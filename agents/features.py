"""What an item is to the choice and rating models: public content, never who else took it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.schema import Floats, Item
from agents.traits import PSEUDO, genre_matrix

ERA_KNOTS = 4


@dataclass(frozen=True)
class Features:
    """The (items, d) matrix of content features with the names of its columns.

    Genres as 0/1, the era as hat functions over quantiles of the catalog's years (the last one left
    out), and the public mean rating, standardized. Text embeddings will be further columns.
    """

    names: tuple[str, ...]
    matrix: Floats


def describe(items: Sequence[Item], popularity: Floats, mean_rating: Floats) -> Features:
    """Return the features of a catalog."""
    genres, member = genre_matrix(items)
    era = _era(items)
    quality = _standardized(shrunk_means(popularity, mean_rating))
    names = (*(f"genre {genre}" for genre in genres), *(f"era {k}" for k in range(era.shape[1])), "mean rating")
    return Features(names, np.ascontiguousarray(np.hstack([member, era, quality[:, None]])))


def shrunk_means(popularity: Floats, mean_rating: Floats) -> Floats:
    """Return public mean ratings pulled towards the mean of all by ``PSEUDO`` ratings; that mean where unrated."""
    weight = np.where(np.isfinite(mean_rating), popularity, 0.0)
    total = weight * np.nan_to_num(mean_rating)
    center = total.sum() / weight.sum() if weight.sum() else 0.0
    return np.asarray((total + PSEUDO * center) / (weight + PSEUDO))


def _era(items: Sequence[Item]) -> Floats:
    """Return hat functions of the year; items without one stand at the median."""
    years = np.array([np.nan if item.year is None else item.year for item in items], dtype=np.float64)
    if np.isnan(years).all():
        return np.zeros((len(items), 0))
    years = np.where(np.isnan(years), np.nanmedian(years), years)
    knots = np.unique(np.quantile(years, np.linspace(0, 1, ERA_KNOTS)))
    hats = [np.interp(years, knots, np.eye(len(knots))[k]) for k in range(len(knots) - 1)]
    return np.stack(hats, axis=1) if hats else np.zeros((len(items), 0))


def _standardized(values: Floats) -> Floats:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)
