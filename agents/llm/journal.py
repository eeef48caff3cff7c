"""The file of recorded answers: framed, checksummed, append-only, content-addressed."""

import fcntl
import hashlib
import json
import logging
import os
import struct
from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from agents.crash import crash_point
from agents.errors import InvalidInput, MissingResource
from agents.llm.base import Answer

MAGIC = b"tasteloop answers 1\n"
_LENGTH = struct.Struct("<I")
_DIGEST = 16
_LARGEST = 1 << 26
_HEADER = _LENGTH.size + _DIGEST
_DEFAULTS = {field.name: field.default for field in fields(Answer)}
_FIXED = ("cached", "call_id")
"""Fields that the journal knows without writing them down: what it supplies is cached, under its address."""
_WRITTEN = _DEFAULTS.keys() - set(_FIXED)
_TUPLES = {name for name, default in _DEFAULTS.items() if isinstance(default, tuple)}
_AHEAD = b'{"address":"'
_AT_HAND = 1 << 26
"""Bytes of records kept in memory beside the index; older ones are read again from the file."""
_LATELY = 256
"""Answers kept as objects beside that: titles' vectors are asked for at every page, and take milliseconds to decode."""
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_DECODER = json.JSONDecoder()

_log = logging.getLogger(__name__)


class Journal:
    """Answers by content address, durable after ``sync``; a context manager.

    A record is the length of its payload (4 bytes, little-endian), a BLAKE2b-128 checksum and the
    payload, JSON. On opening, the valid prefix is kept: a torn or flipped tail is cut off with a
    warning, and what it held will be asked again; a file that is no journal at all is moved aside
    to ``*.foreign``. ``read_only`` changes nothing on disk and needs an existing file. Raises
    InvalidInput where the file cannot be read or another process is writing it.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._offsets: dict[bytes, int] = {}
        self._at_hand: dict[int, bytes] = {}
        self._room = _AT_HAND
        self._answer_at = lru_cache(_LATELY)(self._decoded)
        self._file = _open(path, read_only)
        self._read_only = read_only
        self._dirty = False
        self._end = self._scan()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._offsets)

    def get(self, address: str) -> Answer | None:
        """Return the recorded answer to a question, marked as cached; None if there is none."""
        offset = self._offsets.get(bytes.fromhex(address))
        if offset is None:
            return None
        return self._answer_at(offset, address)

    def _decoded(self, offset: int, address: str) -> Answer:
        payload = self._at_hand.get(offset) or self._read(offset)
        if payload is None:
            raise InvalidInput(f"{self.path} was changed by something else while in use; run again from what is left")
        return _answer(address, _DECODER.decode(payload.decode())["answer"])

    def append(self, address: str, purpose: str, answer: Answer) -> None:
        """Add an answer; it survives the end of this process now, of the machine after ``sync``.

        Raises MissingResource where the disk is full; the file stays valid.
        """
        payload = _ENCODER.encode({"address": address, "purpose": purpose, "answer": _told(answer)}).encode()
        frame = _LENGTH.pack(len(payload)) + _checksum(payload) + payload
        try:
            written = os.pwrite(self._file, frame, self._end)
            if written != len(frame):
                raise OSError(f"only {written} of {len(frame)} bytes were written")
        except OSError as error:
            os.ftruncate(self._file, self._end)
            raise MissingResource(f"cannot write {self.path}: {error}; make room and resume the run") from error
        self._keep(self._end, payload)
        self._offsets[bytes.fromhex(address)] = self._end
        self._end += len(frame)
        self._dirty = True
        crash_point("answer")

    def sync(self) -> None:
        """Make everything appended so far durable; call it before committing what it decided."""
        if self._dirty and self._file >= 0:
            self._dirty = False
            os.fsync(self._file)

    def close(self) -> None:
        """Sync and release the file; idempotent."""
        if self._file >= 0:
            self.sync()
            os.close(self._file)
            self._file = -1

    def _scan(self) -> int:
        """Index the valid prefix, repair what follows it, and return where the next record goes."""
        size = os.fstat(self._file).st_size
        head = os.pread(self._file, len(MAGIC), 0)
        if head != MAGIC:
            self._begin(head)
            return len(MAGIC)
        end = len(MAGIC)
        with open(self._file, "rb", buffering=1 << 20, closefd=False) as stream:
            stream.seek(end)
            while (payload := _payload(stream.read)) is not None:
                self._offsets[_address(payload)] = end
                self._keep(end, payload)
                end += _HEADER + len(payload)
        if end < size:
            self._cut(end, size)
        return end

    def _read(self, offset: int) -> bytes | None:
        """Return the payload at an offset, None unless it is whole and unchanged."""

        def read(count: int) -> bytes:
            nonlocal offset
            offset += count
            return os.pread(self._file, count, offset - count)

        return _payload(read)

    def _keep(self, offset: int, payload: bytes) -> None:
        """Keep a record in memory while there is room."""
        if self._room >= len(payload):
            self._room -= len(payload)
            self._at_hand[offset] = payload

    def _begin(self, head: bytes) -> None:
        """Start an empty journal, out of the way of whatever else the file holds."""
        if head and not MAGIC.startswith(head):
            _log.warning("%s is no journal of answers; every question will be asked again", self.path)
            if not self._read_only:
                _copy_aside(self.path)
        if not self._read_only:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, MAGIC, 0)

    def _cut(self, end: int, size: int) -> None:
        _log.warning(
            "%s is damaged after %d answers: its last %d bytes are ignored, what they held is asked again",
            self.path,
            len(self._offsets),
            size - end,
        )
        if not self._read_only:
            os.ftruncate(self._file, end)


def _open(path: Path, read_only: bool) -> int:
    try:
        file = os.open(path, os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise InvalidInput(f"cannot open the journal of answers {path}: {error.strerror}") from error
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if read_only else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        raise InvalidInput(f"{path} is being written by another process; wait for it or use another folder") from error
    return file


def _copy_aside(path: Path) -> None:
    aside = path.with_name(path.name + ".foreign")
    aside.write_bytes(path.read_bytes())
    _log.warning("what %s held is kept in %s", path, aside)


def _checksum(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=_DIGEST).digest()


def _payload(read: Callable[[int], bytes]) -> bytes | None:
    """Read the next record; None unless it is whole and unchanged."""
    header = read(_HEADER)
    if len(header) < _HEADER:
        return None
    (length,) = _LENGTH.unpack_from(header)
    payload = read(length) if length <= _LARGEST else b""
    return payload if len(payload) == length and _checksum(payload) == header[_LENGTH.size :] else None


def _address(payload: bytes) -> bytes:
    """Return the address of a record, without reading the rest of it where it comes first."""
    start = len(_AHEAD)
    named = payload[start : start + 2 * _DIGEST] if payload.startswith(_AHEAD) else b""
    return bytes.fromhex((named or json.loads(payload)["address"].encode()).decode())


def _told(answer: Answer) -> dict[str, Any]:
    """Return what there is to write down of an answer: the fields that are not as they always are."""
    told = {}
    for name, default in _DEFAULTS.items():
        value = getattr(answer, name)
        if value != default and name not in _FIXED:
            told[name] = value
    return told


def _answer(address: str, stored: dict[str, Any]) -> Answer:
    """Build an answer from its stored fields; fields of a later version are ignored."""
    known = {name: stored[name] for name in _WRITTEN & stored.keys()}
    for name in _TUPLES & known.keys():
        known[name] = tuple(known[name])
    return Answer(**known, call_id=address, cached=True)
