"""The semantic IDs a run's recommender gave to items, as its checkpoints hold them."""

from dataclasses import dataclass

import numpy as np

from agents.schema import Floats, Ints
from analysis.load import Cell, Run, Study
from analysis.metrics.semantic_ids import (
    chance_purity,
    code_entropy,
    code_perplexity,
    code_usage,
    genre_purity,
    id_collisions,
)


@dataclass(frozen=True, slots=True)
class Level:
    """One digit: how its codes are used, and how well they sort items by genre."""

    used: int
    offered: int
    usage: float
    entropy: float
    perplexity: float
    purity: float
    by_chance: float


@dataclass(frozen=True, slots=True)
class SemanticIds:
    """The IDs of one cell after its last refit."""

    name: str
    refit: int
    items: int
    collisions: float
    levels: tuple[Level, ...]


def semantic_ids(study: Study) -> list[SemanticIds]:
    """Return what is to be said of each arm's IDs (the first seed's runs), of arms whose recommender has any."""
    found = (_of(study.of(arm)[0]) for arm in study.arms)
    return [one for one in found if one is not None]


def _of(cell: Cell) -> SemanticIds | None:
    stored = cell.run.semantic_ids
    if stored is None:
        return None
    refit, codes, offered = stored
    coded = codes[:, 0] >= 0
    ids, genres = codes[coded], _genres(cell.run)[coded]
    levels = tuple(_level(level, int(size), genres) for level, size in zip(ids.T, offered, strict=True))
    return SemanticIds(f"{cell.arm} s{cell.seed}", refit, len(ids), id_collisions(ids), levels)


def _genres(run: Run) -> Floats:
    return np.asarray(run.items["genres"].astype(str).str.get_dummies(sep="|").to_numpy(np.float64))


def _level(codes: Ints, offered: int, genres: Floats) -> Level:
    return Level(
        len(np.unique(codes)),
        offered,
        code_usage(codes, offered),
        code_entropy(codes),
        code_perplexity(codes),
        genre_purity(codes, genres),
        chance_purity(codes, genres),
    )
