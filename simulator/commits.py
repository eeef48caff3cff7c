"""The commit log and its sealed segments: what is on disk is whole, ordered and chained."""

import hashlib
import json
import os
import struct
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from agents.errors import TasteloopError
from simulator.record import Digest

FRAME = struct.Struct("<II")
SEGMENT_ROWS = 250_000


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_durably(path: Path, data: bytes) -> None:
    """Put a whole file in place, or leave what was there: temporary file, fsync, rename, fsync of the folder."""
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def table_bytes(table: pa.Table) -> bytes:
    """Return a table as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


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
    """Append windows; seal them into Parquet segments at each day's end or 250,000 rows.

    A resumed run executes again from its beginning: windows already on disk are compared with
    what comes out (by hash chain) instead of being written a second time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.digest = Digest()
        self.chain = hashlib.blake2b(b"tasteloop", digest_size=16).hexdigest()
        self._pending: dict[str, list[pa.Table]] = defaultdict(list)
        self._unsealed: dict[int, str] = {}
        self._segment = 0
        self._known = self._load_known()
        self._file = (folder / "commits.log").open("ab")

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
            known |= {int(w): chain for w, chain in json.loads(seal.read_text())["chain"].items()}
        return known

    def commit(self, window: int, tables: dict[str, pa.Table], *, day_ends: bool) -> None:
        """Append one window's tables (nothing where there are none), durable on return; seal when it is time."""
        if tables:
            self._take(window, tables)
        if day_ends or sum(table.num_rows for parts in self._pending.values() for table in parts) >= SEGMENT_ROWS:
            self.seal()

    def _take(self, window: int, tables: dict[str, pa.Table]) -> None:
        digested = Digest()
        for name, table in tables.items():
            self.digest.add(name, table)
            digested.add(name, table)
            self._pending[name].append(table)
        self.chain = hashlib.blake2b(f"{self.chain}{window}{digested.hexdigest()}".encode(), digest_size=16).hexdigest()
        self._unsealed[window] = self.chain
        if window not in self._known:
            self._append(window, tables)
        elif self._known[window] != self.chain:
            raise TasteloopError(
                f"{self.folder}: window {window} came out differently from what this run recorded; "
                "the code, the data or the answers changed since: start a new run"
            )

    def _append(self, window: int, tables: dict[str, pa.Table]) -> None:
        bodies = {name: table_bytes(table) for name, table in tables.items()}
        head = {"window": window, "chain": self.chain, "tables": {name: len(body) for name, body in bodies.items()}}
        payload = json.dumps(head).encode() + b"\n" + b"".join(bodies.values())
        self._file.write(FRAME.pack(len(payload), zlib.crc32(payload)) + payload)
        self._file.flush()
        os.fsync(self._file.fileno())

    def seal(self) -> None:
        """Turn the committed windows since the last seal into Parquet files that never change again."""
        if not self._unsealed:
            return
        path = self.folder / f"seal-{self._segment:05d}.json"
        for name in list(self._pending):
            part = self.folder / f"{name}-{self._segment:05d}.parquet"
            if not path.exists():
                self._write_segment(part, pa.concat_tables(self._pending.pop(name)))
        if not path.exists():
            write_durably(path, json.dumps({"chain": self._unsealed}).encode())
            self._file.truncate(0)
        self._pending.clear()
        self._unsealed.clear()
        self._segment += 1

    def _write_segment(self, path: Path, table: pa.Table) -> None:
        temporary = path.with_name(f".{path.name}.part")
        pq.write_table(table, temporary, compression="zstd")
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)

    def close(self) -> None:
        """Close the commit log; what is not sealed stays readable in it."""
        self._file.close()


def _head(frame: bytes) -> dict[str, Any]:
    head: dict[str, Any] = json.loads(frame.split(b"\n", 1)[0])
    return head
