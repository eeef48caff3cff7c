"""How well a tokenizer's semantic IDs use their codes, tell items apart, and sort them by genre.

``codes`` are one digit of every item that has an ID, ``ids`` all digits (items, digits).
"""

import numpy as np

from agents.schema import Floats, Ints
from analysis.metrics.variety import split

SHUFFLES = 16
SHUFFLE_KEY = 20_227_777
"""Key of the fixed Philox stream that shuffles codes for ``chance_purity``."""


def code_usage(codes: Ints, offered: int) -> float:
    """Return the share of the offered codes that some item has.

    >>> code_usage(np.array([0, 0, 3]), 4)
    0.5
    """
    return len(np.unique(codes)) / offered


def code_entropy(codes: Ints) -> float:
    """Return Shannon's entropy in bits of the shares of items per code, H = - sum_c p(c) log2 p(c).

    >>> code_entropy(np.array([0, 0, 1, 2]))
    1.5
    """
    shares = np.unique(codes, return_counts=True)[1] / max(len(codes), 1)
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def code_perplexity(codes: Ints) -> float:
    """Return 2^H: how many equally frequent codes would have the same entropy.

    >>> code_perplexity(np.array([5, 9, 5, 9]))
    2.0
    """
    return float(2.0 ** code_entropy(codes))


def id_collisions(ids: Ints) -> float:
    """Return the share of items whose whole ID another item has as well.

    >>> id_collisions(np.array([[1, 2], [1, 2], [1, 3], [0, 2]]))
    0.5
    """
    if not len(ids):
        return float("nan")
    _, size = np.unique(ids, axis=0, return_counts=True)
    return float(size[size > 1].sum() / len(ids))


def genre_purity(codes: Ints, genres: Floats) -> float:
    """Return the share of items' genres that are the foremost genre of their code.

    sum_c max_g w(c, g) / sum_c sum_g w(c, g), where each item splits a weight of 1 among its genres and
    items without any are left out; NaN where no item has one.

    >>> genre_purity(np.array([0, 0, 0, 1]), np.array([[1, 0], [1, 0], [0, 1], [0, 1]]))
    0.75
    >>> genre_purity(np.array([0, 1]), np.array([[1, 1], [0, 1]]))
    0.75
    """
    weight, place = split(genres), np.unique(codes, return_inverse=True)[1]
    held = np.zeros((place.max(initial=-1) + 1, genres.shape[1]))
    np.add.at(held, place, weight)
    return float(held.max(axis=1, initial=0.0).sum() / held.sum()) if held.sum() else float("nan")


def chance_purity(codes: Ints, genres: Floats) -> float:
    """Return the mean purity of the same codes dealt to items by lot, over SHUFFLES deals from a fixed stream.

    Many small codes are pure by chance alone, so purity says something only above this.

    >>> round(chance_purity(np.array([0, 0, 1, 1]), np.array([[1, 0], [1, 0], [0, 1], [0, 1]])), 2)
    0.59
    """
    random = np.random.Generator(np.random.Philox(key=SHUFFLE_KEY))
    return float(np.mean([genre_purity(random.permutation(codes), genres) for _ in range(SHUFFLES)]))
