"""The commit log and its sealed segments: what is on disk is whole, ordered and chained."""

import json
import os
import struct
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from agents.crash import crash_point
from agents.errors import TasteloopError
from agents.schema import Floats
from simulator.record import PAGES, Columns, Digest, impressions_table

FRAME = struct.Struct("<II")
SEGMENT_ROWS = 250_000
FLUSH_S = 0.2
DENSE = frozenset({"event_id", "score", "dwell_s"})
"""Columns whose values rarely repeat, so that a dictionary costs time and saves nothing."""


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_durably(path: Path, data: bytes) -> None:
    """Put a whole file in place, or leave what was there."""
    with durably(path) as file:
        file.write(data)


@contextmanager
def durably(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file to write that is put in place whole: temporary file, fsync, rename, fsync of the folder."""
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("wb") as file:
        yield file
        file.flush()
        crash_point("file-written")
        os.fsync(file.fileno())
    crash_point("file-synced")
    temporary.replace(path)
    crash_point("file-renamed")
    sync_folder(path.parent)


def table_bytes(table: pa.Table) -> pa.Buffer:
    """Return a table as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def read_frames(data: bytes) -> tuple[list[bytes], int]:
    """Return the payloads of the valid frames at the beginning, and how many bytes they take."""
    frames, at = [], 0
    while at + FRAME.size <= len(data):
        size, checksum = FRAME.unpack_from(data, at)
        payload = data[at + FRAME.size : at + FRAME.size + size]
        if len(payload) < size or zlib.crc32(payload) != checksum:
            break
        frames.append(payload)
        at += FRAME.size + size
    return frames, at


class CommitLog:
    """Append windows; seal them into Parquet segments at 250,000 rows.

    Appended windows reach the disk in groups, at most ``FLUSH_S`` after they were committed, and
    always after the answers they rest on (``sync``): what a crash takes is executed again. A resumed
    run executes again from its beginning, or from its latest checkpoint: windows already on disk are
    compared with what comes out (by hash chain) instead of being written a second time.
    """

    def __init__(
        self,
        folder: Path,
        recommender: str,
        sync: Callable[[], None] = lambda: None,
        released: Floats | None = None,
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.digest = Digest()
        self._recommender = recommender
        self._sync = sync
        self._released = released
        """When items come on offer, where not all are from the start."""
        self._pending: dict[str, list[pa.Table]] = defaultdict(list)
        self._pending_rows = 0
        self._unsealed: dict[int, str] = {}
        self._segment = 0
        self._sealed = -1
        """The last window that is in a sealed segment."""
        self._known = self._load_known()
        self._file = (folder / "commits.log").open("ab")
        self._buffer: list[bytes | pa.Buffer] = []
        self._flushed = time.monotonic()

    def _load_known(self) -> dict[int, str]:
        """Return window -> chain of everything on disk; cut a torn tail off the commit log."""
        known: dict[int, str] = {}
        path = self.folder / "commits.log"
        if path.exists():
            data = path.read_bytes()
            frames, valid = read_frames(data)
            if valid < len(data):
                with path.open("r+b") as file:
                    file.truncate(valid)
            known |= {head["window"]: head["chain"] for head in map(_head, frames)}
        for seal in sorted(self.folder.glob("seal-*.json")):
            sealed = {int(window): chain for window, chain in json.loads(seal.read_text())["chain"].items()}
            self._sealed, self._segment = max(sealed), self._segment + 1
            known |= sealed
        for path in self.folder.glob("*.parquet"):
            if int(path.stem.rpartition("-")[2]) >= self._segment:
                path.unlink()  # its seal was never written
        return known

    def commit(self, window: int, tables: dict[str, pa.Table]) -> None:
        """Append one window's tables (nothing where there are none); seal when it is time."""
        if not tables:
            return
        rows = sum(self.digest.add(name, table) for name, table in tables.items())
        chain = self.digest.hexdigest()
        if self._known.get(window, chain) != chain:
            raise TasteloopError(
                f"{self.folder}: window {window} came out differently from what this run recorded; "
                "the code, the data or the answers changed since: start a new run"
            )
        if window <= self._sealed:
            return
        self._unsealed[window] = chain
        self._pending_rows += rows
        for name, table in tables.items():
            self._pending[name].append(table)
        if self._pending_rows >= SEGMENT_ROWS:
            self.seal()
        elif window not in self._known:
            self._append(window, chain, tables)

    def _append(self, window: int, chain: str, tables: dict[str, pa.Table]) -> None:
        bodies = {name: table_bytes(table) for name, table in tables.items()}
        head = {"window": window, "chain": chain, "tables": {name: len(body) for name, body in bodies.items()}}
        payload = [json.dumps(head).encode() + b"\n", *bodies.values()]
        checksum = 0
        for part in payload:
            checksum = zlib.crc32(part, checksum)
        self._buffer += [FRAME.pack(sum(map(len, payload)), checksum), *payload]
        if time.monotonic() - self._flushed > FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Make everything committed so far durable, answers before what rests on them."""
        if self._buffer:
            self._sync()
            for part in self._buffer:
                self._file.write(part)
            self._buffer.clear()
            self._file.flush()
            crash_point("window")
            os.fsync(self._file.fileno())
        self._flushed = time.monotonic()

    def seal(self) -> None:
        """Turn the committed windows since the last seal into Parquet files that never change again."""
        if not self._unsealed:
            return
        self._sync()
        for name, parts in self._pending.items():
            self._write_segment(self.folder / f"{name}-{self._segment:05d}.parquet", name, pa.concat_tables(parts))
        path = self.folder / f"seal-{self._segment:05d}.json"
        write_durably(path, json.dumps({"chain": self._unsealed}).encode())
        self._file.truncate(0)
        self._sealed, self._segment = max(self._unsealed), self._segment + 1
        self._buffer.clear()
        self._pending.clear()
        self._pending_rows = 0
        self._unsealed.clear()

    def _write_segment(self, path: Path, name: str, table: pa.Table) -> None:
        if name == PAGES:
            table = impressions_table(table, self._recommender, self._released)
        temporary = path.with_name(f".{path.name}.part")
        coded = [name for name in table.column_names if name not in DENSE]
        pq.write_table(table, temporary, compression="zstd", use_dictionary=coded, store_schema=False)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        crash_point("segment")

    def state(self) -> Columns:
        """Return where the log stands, which must be sealed, as arrays."""
        standing = {"digests": self.digest.tables, "rows": self.digest.rows, "sealed": self._sealed}
        return {"standing": np.array(json.dumps(standing))}

    def load_state(self, state: Columns) -> bool:
        """Stand where the log that returned this state stood; say whether the segments for that are there."""
        standing = json.loads(str(state["standing"]))
        before = Digest(standing["digests"], Counter(standing["rows"]))
        if self._known.get(standing["sealed"]) != before.hexdigest() or self._sealed < standing["sealed"]:
            return False
        self.digest = before
        return True

    def close(self) -> None:
        """Write what was committed and close the commit log; what is not sealed stays readable in it."""
        try:
            self.flush()
        finally:
            self._file.close()


def _head(frame: bytes) -> dict[str, Any]:
    head: dict[str, Any] = json.loads(frame.split(b"\n", 1)[0])
    return head
