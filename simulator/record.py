"""Keep what happened: rows wait for their window's commit, then get their order, number and digest."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from agents.memory import Operation
from agents.schema import PAD, Action, Bools, DecidedBy, ExitReason, Feedback, Floats, Ints
from simulator.log import TABLES, UNDIGESTED

Columns = dict[str, npt.NDArray[Any]]

ARROW = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}
WORDS: dict[str, pa.Array] = {
    "action": pa.array([action.name.lower() for action in Action]),
    "decided_by": pa.array([decider.name.lower() for decider in DecidedBy]),
    "feedback": pa.array(["", *(said.name.lower() for said in Feedback if said)]),
    "candidate_source": pa.array(["recommender", "search"]),
    "operation": pa.array([operation.name.lower() for operation in Operation]),
    "exit_reason": pa.array([reason.name.lower() for reason in ExitReason]),
}
"""What the codes in these columns stand for."""
PAGES = "impressions"
"""The one table that is kept by pages until it is sealed: arrays over positions are lists in a row."""
MINUTES_A_DAY = 1440.0
Block = tuple[Columns, Columns]
"""Rows as columns: their canonical places, and what they are."""


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


def columns_table(table: str, columns: Columns) -> pa.Table:
    """Return columns of the table's row type as Arrow, codes as the words they stand for."""
    arrays = [
        WORDS[field.name].take(pa.array(columns[field.name]))
        if field.name in WORDS
        else pa.array(columns[field.name], field.type)
        for field in schema(table)
    ]
    return pa.Table.from_arrays(arrays, schema=schema(table))


def pages_table(columns: Columns, first_event: int) -> pa.Table:
    """Return pages in canonical order as Arrow, one row a page, with the number of each page's first impression."""
    shown = (columns["item_id"] != PAD).sum(axis=1)
    numbered = columns | {"first_event": first_event + np.cumsum(shown) - shown}
    return pa.table({name: _arrow(column) for name, column in numbered.items()})


def _arrow(column: npt.NDArray[Any]) -> pa.Array:
    if column.ndim == 2:
        return pa.FixedSizeListArray.from_arrays(pa.array(column.ravel()), column.shape[1])
    if column.dtype.kind == "S":
        return pa.array(column.astype(str)) if column.any() else pa.repeat("", len(column))
    return pa.array(column)


def impressions_table(pages: pa.Table, recommender: str, released: Floats | None = None) -> pa.Table:
    """Return pages as rows of ``impressions``, one an item shown."""
    item = _flat(pages, "item_id")
    shown = item != PAD
    width = len(item) // pages.num_rows
    owner = np.repeat(np.arange(pages.num_rows), width)[shown]
    size = np.bincount(owner, minlength=pages.num_rows)
    position = np.arange(len(item))[shown] % width + 1

    def each(name: str) -> npt.NDArray[Any]:
        return np.asarray(pages.column(name).to_numpy()[owner])

    now = each("now")
    columns = {
        "event_id": each("first_event") + position - 1,
        "day": (now // MINUTES_A_DAY).astype(np.int64),
        "now": now,
        "user_id": each("user_id"),
        "session_id": each("session_id"),
        "page": each("page"),
        "position": position,
        "slate_size": size[owner],
        "item_id": item[shown].astype(np.int64),
        "score": _flat(pages, "score")[shown],
        "propensity": _flat(pages, "propensity")[shown],
        "recommender": _spread(pages, "recommender", owner)
        if "recommender" in pages.column_names
        else _same(recommender, len(owner)),
        "model_version": each("model_version"),
        "candidate_source": _coded("candidate_source", each("source")),
        "action": _coded("action", _flat(pages, "action")[shown]),
        "rating": _flat(pages, "rating")[shown],
        "feedback": _coded("feedback", _flat(pages, "feedback")[shown])
        if "feedback" in pages.column_names
        else _same("", len(owner)),
        "dwell_s": _flat(pages, "dwell")[shown] * 60,
        "popularity_rank": _flat(pages, "popularity_rank")[shown].astype(np.int64),
        "item_age": _age(pages, now, item, shown, released),
        "decided_by": _coded("decided_by", each("decided_by")),
        "call_id": _spread(pages, "call_id", owner),
    }
    return pa.table(columns)


def _age(pages: pa.Table, now: Floats, item: Ints, shown: Bools, released: Floats | None) -> Floats:
    """Return the days since the items shown came on offer, by an intervention or by the catalog's own timetable."""
    if "released" in pages.column_names:
        since = _flat(pages, "released")[shown]
    else:
        since = np.zeros(len(now)) if released is None else np.maximum(released[item[shown]], 0.0)
    return np.asarray((now - since) / MINUTES_A_DAY)


def _flat(pages: pa.Table, name: str) -> npt.NDArray[Any]:
    """Return a list column's values, page after page."""
    return np.asarray(pages.column(name).combine_chunks().flatten())


def _spread(pages: pa.Table, name: str, owner: Ints) -> pa.DictionaryArray:
    """Return a column of text of pages for each of their impressions."""
    return pages.column(name).combine_chunks().dictionary_encode().take(pa.array(owner))


def _same(word: str, count: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(np.zeros(count, dtype=np.int32), [word])


def _coded(name: str, codes: npt.NDArray[Any]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(codes.astype(np.int32), WORDS[name])


@dataclass
class Digest:
    """A chain over committed windows for each table: what was committed in which order, column by column."""

    tables: dict[str, str] = field(default_factory=dict)
    """Hex digest of each digested table that has rows."""
    rows: Counter[str] = field(default_factory=Counter)

    def add(self, table: str, rows: pa.Table) -> int:
        """Take in what one window added to a table; return how many rows of the log that is."""
        added = count(table, rows)
        self.rows[table] += added
        if table not in UNDIGESTED:
            self._extend(table, rows)
        return added

    def _extend(self, table: str, rows: pa.Table) -> None:
        hasher = hashlib.blake2b(self.tables.get(table, "").encode(), digest_size=32)
        for name, column in zip(rows.column_names, rows.columns, strict=True):
            hasher.update(name.encode())
            for data in _streams(column.combine_chunks()):
                hasher.update(data.data)
        self.tables[table] = hasher.hexdigest()

    def hexdigest(self) -> str:
        """Return the digest of all digested tables."""
        text = ";".join(f"{name}={digest}" for name, digest in sorted(self.tables.items()))
        return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def count(table: str, rows: pa.Table) -> int:
    """Return how many rows of the log a committed batch stands for."""
    return int((_flat(rows, "item_id") != PAD).sum()) if table == PAGES else int(rows.num_rows)


def _streams(column: pa.Array) -> Iterable[npt.NDArray[Any]]:
    """Yield the bytes of a column; text goes as lengths and letters, so boundaries cannot shift."""
    if pa.types.is_fixed_size_list(column.type):
        column = column.flatten()
    if not pa.types.is_string(column.type):
        yield np.ascontiguousarray(column.to_numpy(zero_copy_only=False)).view(np.uint8)
        return
    offsets = np.frombuffer(column.buffers()[1], dtype=np.int32)[column.offset : column.offset + len(column) + 1]
    yield np.diff(offsets).astype(np.int64).view(np.uint8)
    letters = column.buffers()[2]
    if letters is not None:
        yield np.frombuffer(letters, dtype=np.uint8)[offsets[0] : offsets[-1]]


class Waiting(NamedTuple):
    """What a record holds that is not committed, by window and table."""

    blocks: dict[int, dict[str, list[Block]]]
    rows: dict[int, dict[str, list[tuple[Any, ...]]]]


class Record:
    """What happened in windows that are not committed yet, as blocks of columns under their windows.

    Each block's rows have a canonical place, (now, user_id, sequence).
    """

    def __init__(self, window: float) -> None:
        self._window = window
        self._blocks: dict[int, dict[str, list[Block]]] = defaultdict(lambda: defaultdict(list))
        self._rows: dict[int, dict[str, list[tuple[Any, ...]]]] = defaultdict(lambda: defaultdict(list))
        self._next_event = 0

    def add(self, table: str, now: Floats, user_id: Ints, sequence: Ints, columns: Columns) -> None:
        """Keep rows, given as columns, until their windows are committed."""
        if not len(now):
            return
        window = (now // self._window).astype(np.int64)
        place: Columns = {"now": now, "user_id": user_id, "sequence": sequence}
        if (window == window[0]).all():
            self._blocks[int(window[0])][table].append((place, columns))
            return
        first = int(window.min())
        for one in (first + np.flatnonzero(np.bincount(window - first))).tolist():
            rows = np.flatnonzero(window == one)
            self._blocks[one][table].append((_rows(place, rows), _rows(columns, rows)))

    def row(self, table: str, now: float, user_id: int, sequence: int, row: tuple[object, ...]) -> None:
        """Keep a single row until its window is committed."""
        self._rows[int(now // self._window)][table].append(((now, user_id, sequence), row))

    def handed_over(self) -> Waiting:
        """Return everything, and forget it: another record takes it in. Blocks of one window and table are joined."""
        blocks = {
            window: {
                table: [(_whole([place for place, _ in parts]), _whole([columns for _, columns in parts]))]
                for table, parts in tables.items()
            }
            for window, tables in self._blocks.items()
        }
        rows = {window: dict(tables) for window, tables in self._rows.items()}
        self._blocks.clear()
        self._rows.clear()
        return Waiting(blocks, rows)

    def take_in(self, waiting: Waiting) -> None:
        """Keep what another record handed over."""
        for kept, given in ((self._blocks, waiting.blocks), (self._rows, waiting.rows)):
            for window, tables in given.items():
                for table, parts in tables.items():
                    kept[window][table] += parts

    def pages(self, window: int) -> Columns | None:
        """Return a window's pages in canonical order, and forget them."""
        blocks = self._blocks[window].pop(PAGES, None)
        return _in_order(blocks) if blocks else None

    def tables(self, window: int, pages: Columns | None) -> dict[str, pa.Table]:
        """Return a window's rows in canonical order, its pages numbered and among them, and forget them."""
        tables: dict[str, pa.Table] = {}
        if pages is not None:
            tables[PAGES] = pages_table(pages, self._next_event)
            self._next_event += count(PAGES, tables[PAGES])
        for table, blocks in sorted(self._blocks.pop(window, {}).items()):
            tables[table] = columns_table(table, _in_order(blocks))
        for table, rows in sorted(self._rows.pop(window, {}).items()):
            rows.sort(key=lambda row: row[0])
            single = rows_table(table, [row for _, row in rows])
            tables[table] = pa.concat_tables([tables[table], single]) if table in tables else single
        return tables

    def state(self) -> Columns:
        """Return what is not committed yet as arrays; single rows belong to no later window."""
        state: Columns = {"next_event": np.array(self._next_event)}
        for window, tables in self._blocks.items():
            for table, blocks in tables.items():
                for part, columns in zip(("place", "columns"), map(_whole, zip(*blocks, strict=True)), strict=True):
                    state |= {f"{window}.{table}.{part}.{name}": column for name, column in columns.items()}
        return state

    def load_state(self, state: Columns) -> None:
        """Become the record that returned this state."""
        self._next_event = int(state["next_event"])
        self._blocks.clear()
        self._rows.clear()
        for key in (key for key in state if key != "next_event"):
            window, table, part, name = key.split(".")
            blocks = self._blocks[int(window)][table]
            if not blocks:
                blocks.append(({}, {}))
            blocks[0][part == "columns"][name] = state[key]


def _rows(columns: Columns, rows: Ints) -> Columns:
    return {name: column[rows] for name, column in columns.items()}


def _in_order(blocks: Sequence[Block]) -> Columns:
    places, columns = (_whole(parts) for parts in zip(*blocks, strict=True))
    order = np.lexsort((places["sequence"], places["user_id"], places["now"]))
    return _rows(columns, order)


def _whole(parts: Sequence[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
