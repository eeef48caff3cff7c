"""The platform's search: a query in, the catalog in order of how well it answers it."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from agents.schema import PAD, Floats, Ints
from simulator.catalog import Catalog
from simulator.recommenders.allowed import Allowed
from simulator.recommenders.base import Requests


class SearchIndex:
    """TF-IDF over titles and genres, cosine similarity; equals in order of popularity at time 0, then of item id."""

    def __init__(self, catalog: Catalog, popularity: Floats) -> None:
        self._catalog = catalog
        self._popularity = popularity
        self._found: dict[str, tuple[Ints, Ints, Floats]] = {}

    @cached_property
    def _weights(self) -> tuple[Any, Any]:
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(token_pattern=r"[^\W_]+", lowercase=True)
        texts = [f"{item.title} {' '.join(item.genres)}" for item in self._catalog.items]
        return vectorizer, vectorizer.fit_transform(texts)

    def order(self, query: str) -> tuple[Ints, Ints, Floats]:
        """Return (items from the best on, each item's place in that order, each item's score)."""
        if query not in self._found:
            vectorizer, matrix = self._weights
            score = np.asarray((matrix @ vectorizer.transform([query]).T).toarray()[:, 0], dtype=np.float64)
            best = np.lexsort((np.arange(len(score)), -self._popularity, -score)).astype(np.int64)
            place = np.empty(len(best), dtype=np.int64)
            place[best] = np.arange(len(best))
            self._found[query] = (best, place, score)
        return self._found[query]

    def results(self, query: str, requests: Requests, k: int) -> tuple[Ints, Floats]:
        """Return (B, k) items that each request does not exclude, and their scores, padded with PAD and NaN."""
        best, place, score = self.order(query)
        found = Allowed.of(requests, place).places(np.arange(k)[None, :])
        items = np.where(found >= 0, best[np.maximum(found, 0)], found)
        return items, np.where(found >= 0, score[np.maximum(items, 0)], np.nan)

    def results_of(self, queries: Sequence[str], which: Ints, requests: Requests, k: int) -> tuple[Ints, Floats]:
        """Return the results of ``queries[which[b]]`` for each request b."""
        items = np.full((len(requests), k), PAD, dtype=np.int64)
        score = np.full(items.shape, np.nan)
        for number in np.flatnonzero(np.bincount(which)).tolist():
            mine = np.flatnonzero(which == number)
            items[mine], score[mine] = self.results(queries[number], requests.take(mine), k)
        return items, score
