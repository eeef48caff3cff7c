"""Which item of a catalog a written title means."""

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache

import numpy as np
from scipy import sparse

from agents.asking.text import spoken
from agents.llm.base import Answer
from agents.schema import Floats, Item

_APART = re.compile(r"[^\w]+")
_DECODER = json.JSONDecoder()


@lru_cache(maxsize=1 << 16)
def key(title: str) -> str:
    """Return a title without what people write one way or another: case, marks, white space.

    >>> key("The Usual Suspects  (1995)") == key("the usual suspects, 1995")
    True
    """
    return _APART.sub(" ", unicodedata.normalize("NFKC", title).casefold()).strip()


def said(answer: Answer) -> list[str] | None:
    """Return the titles that an answer names in its JSON, None where it is no use."""
    if answer.status != "ok" or answer.finish_reason == "length":
        return None
    try:
        body = _DECODER.decode(answer.text)
    except (ValueError, RecursionError):
        return None
    titles = body.get("titles") if isinstance(body, dict) else None
    return titles if isinstance(titles, list) and all(isinstance(title, str) for title in titles) else None


class Titles:
    """The titles of items, to be found exactly or by the letters they share, three by three.

    Where items share a title the one named first is meant.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self._keys = [key(spoken(item)) for item in items]
        self._items = [item.item_id for item in items]
        self._exact = dict(zip(reversed(self._keys), reversed(self._items), strict=True))

    @cached_property
    def _parts(self) -> tuple[dict[str, int], Floats]:
        """Return the column of each part of a title, and the weight of each column: the rarer the more."""
        counted = Counter(part for text in self._keys for part in set(_threes(text)))
        weight = np.log1p(len(self._keys) / np.array([*counted.values()], dtype=np.float64))
        return {part: column for column, part in enumerate(counted)}, weight

    @cached_property
    def _vectors(self) -> sparse.csr_array:
        return sparse.csr_array(sparse.vstack([self._vector(text) for text in self._keys], format="csr"))

    def exact(self, title: str) -> int | None:
        """Return the item of exactly this title, but for case and marks."""
        return self._exact.get(key(title))

    def nearest(self, title: str, least: float) -> int | None:
        """Return the item of this title, else of the one most like it, by a cosine of at least ``least``."""
        found = self.exact(title)
        if found is not None or not self._items:
            return found
        likeness = (self._vectors @ self._vector(key(title)).T).toarray()[:, 0]
        best = int(likeness.argmax())
        return self._items[best] if likeness[best] >= least else None

    def _vector(self, text: str) -> sparse.csr_array:
        """Return the weights of a key's known parts, at length 1 together with those that are not known."""
        column, weight = self._parts
        counts = Counter(_threes(text))
        known = [part for part in counts if part in column]
        columns = [column[part] for part in known]
        values = np.array([counts[part] for part in known], dtype=np.float64) * weight[columns]
        strange = sum(counts.values()) - sum(counts[part] for part in known)
        length = math.sqrt(float((values**2).sum()) + (strange * math.log1p(len(self._items))) ** 2)
        return sparse.csr_array((values / (length or 1.0), columns, [0, len(columns)]), shape=(1, len(column)))


def _threes(text: str) -> Iterator[str]:
    padded = f"  {text} "
    return (padded[at : at + 3] for at in range(len(padded) - 2))
