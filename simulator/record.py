"""Keep what happened: rows wait for their window's commit, then get their order, number and digest."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from agents.schema import Action, DecidedBy, Floats, Ints
from simulator.log import TABLES, UNDIGESTED

ARROW = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}
ACTIONS = pa.array([action.name.lower() for action in Action])
DECIDERS = pa.array([decider.name.lower() for decider in DecidedBy])
MINUTES_A_DAY = 1440.0


class PageShown(NamedTuple):
    """One page with what its user did; the arrays run over its positions."""

    now: float
    user_id: int
    decision: int
    session_id: int
    page: int
    item_id: Ints
    score: Floats
    propensity: Floats
    popularity_rank: Ints
    action: Sequence[int]
    rating: Sequence[float]
    dwell: Sequence[float]
    decided_by: int
    call_id: str
    recommender: str
    model_version: int


def schema(table: str) -> pa.Schema:
    """Return a table's Arrow schema, read off its row type."""
    return pa.schema([(name, ARROW[kind]) for name, kind in TABLES[table].__annotations__.items()])


def rows_table(table: str, rows: Sequence[tuple[object, ...]]) -> pa.Table:
    """Return rows of the table's row type as Arrow, in their order."""
    columns = list(zip(*rows, strict=True)) or [()] * len(TABLES[table].__annotations__)
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, schema(table), strict=True)],
        schema=schema(table),
    )


def _flat(pages: Sequence[PageShown], name: str, kind: type[Any]) -> np.ndarray[Any, Any]:
    return np.concatenate([np.asarray(getattr(page, name), dtype=kind) for page in pages])


def impressions_table(pages: Sequence[PageShown], first_event: int) -> pa.Table:
    """Return pages, already in canonical order, as rows of ``impressions``."""
    sizes = np.array([len(page.item_id) for page in pages])
    total = int(sizes.sum())

    def each(name: str, kind: type[Any]) -> np.ndarray[Any, Any]:
        return np.repeat(np.array([getattr(page, name) for page in pages], dtype=kind), sizes)

    def text(name: str) -> pa.Array:
        whole = pa.array([getattr(page, name) for page in pages], pa.string())
        return whole.take(pa.array(np.repeat(np.arange(len(pages)), sizes)))

    now = each("now", float)
    columns = {
        "event_id": np.arange(first_event, first_event + total),
        "day": (now // MINUTES_A_DAY).astype(np.int64),
        "now": now,
        "user_id": each("user_id", int),
        "session_id": each("session_id", int),
        "page": each("page", int),
        "position": np.arange(total) - np.repeat(np.cumsum(sizes) - sizes, sizes) + 1,
        "slate_size": np.repeat(sizes, sizes),
        "item_id": _flat(pages, "item_id", int),
        "score": _flat(pages, "score", float),
        "propensity": _flat(pages, "propensity", float),
        "recommender": text("recommender"),
        "model_version": each("model_version", int),
        "candidate_source": pa.array(["recommender"] * total),
        "action": ACTIONS.take(pa.array(_flat(pages, "action", int))),
        "rating": _flat(pages, "rating", float),
        "dwell_s": _flat(pages, "dwell", float) * 60,
        "popularity_rank": _flat(pages, "popularity_rank", int),
        "item_age": now / MINUTES_A_DAY,
        "decided_by": DECIDERS.take(pa.array(each("decided_by", int))),
        "call_id": text("call_id"),
    }
    return pa.Table.from_pydict(columns, schema=schema("impressions"))


class Digest:
    """Digest of tables by their logical rows: however they were cut into batches, the digest is the same."""

    def __init__(self) -> None:
        self._hashers: dict[tuple[str, str], Any] = defaultdict(lambda: hashlib.blake2b(digest_size=32))
        self.rows: Counter[str] = Counter()

    def add(self, table: str, batch: pa.Table) -> None:
        """Take in a batch of rows, column by column."""
        self.rows[table] += batch.num_rows
        if table in UNDIGESTED:
            return
        for name, column in zip(batch.column_names, batch.columns, strict=True):
            for suffix, data in _streams(column):
                self._hashers[table, name + suffix].update(data)

    def tables(self) -> dict[str, str]:
        """Return a hex digest for each digested table that has rows."""
        parts: dict[str, Any] = {}
        for (table, column), hasher in sorted(self._hashers.items()):
            whole = parts.setdefault(table, hashlib.blake2b(digest_size=32))
            whole.update(f"{column}={hasher.hexdigest()};".encode())
        return {table: whole.hexdigest() for table, whole in parts.items()}

    def hexdigest(self) -> str:
        """Return the digest of all digested tables."""
        return combine(self.tables())


def combine(digests: Mapping[str, str]) -> str:
    """Return one digest for several named ones."""
    text = ";".join(f"{name}={digest}" for name, digest in sorted(digests.items()))
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def _streams(column: pa.ChunkedArray) -> Iterable[tuple[str, bytes]]:
    """Return the byte streams of a column; text goes as lengths and letters, so boundaries cannot shift."""
    if not pa.types.is_string(column.type):
        yield "", np.ascontiguousarray(column.to_numpy(zero_copy_only=False)).tobytes()
        return
    encoded = [value.encode() for value in column.to_pylist()]
    yield "#", np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)).tobytes()
    yield "", b"".join(encoded)


class Record:
    """Rows of windows that are not committed yet, each under the window it happened in."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._pages: dict[int, list[PageShown]] = defaultdict(list)
        self._rows: dict[int, dict[str, list[tuple[Any, ...]]]] = defaultdict(lambda: defaultdict(list))
        self._next_event = 0

    def page(self, shown: PageShown) -> None:
        """Keep a page until its window is committed."""
        self._pages[int(shown.now // self._window)].append(shown)

    def row(self, table: str, now: float, user_id: int, sequence: int, row: tuple[object, ...]) -> None:
        """Keep a row until its window is committed; (now, user_id, sequence) is its canonical place."""
        self._rows[int(now // self._window)][table].append(((now, user_id, sequence), row))

    def pages(self, window: int) -> list[PageShown]:
        """Return a window's pages in canonical order, and forget them."""
        return sorted(self._pages.pop(window, ()), key=lambda page: page[:3])

    def tables(self, window: int, pages: Sequence[PageShown]) -> dict[str, pa.Table]:
        """Return a window's rows in canonical order, its pages numbered and among them, and forget them."""
        tables: dict[str, pa.Table] = {}
        if pages:
            tables["impressions"] = impressions_table(pages, self._next_event)
            self._next_event += tables["impressions"].num_rows
        for table, rows in sorted(self._rows.pop(window, {}).items()):
            rows.sort(key=lambda row: row[0])
            tables[table] = rows_table(table, [row for _, row in rows])
        return tables
