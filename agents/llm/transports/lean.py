"""A lean keep-alive HTTP/1.1 client for servers nearby: plain http, one question at a time per connection."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from agents.errors import InvalidInput
from agents.llm.transports.base import Fixed, Reply, Transport

MOST_BYTES = 1 << 23
"""Longest reply that is read; nothing a language model says in a run comes near it."""
_END = b"\r\n\r\n"
_ENCODER = json.JSONEncoder(separators=(",", ":"))


class Lean(Transport):
    """Keep connections open and reuse the latest; there are as many as questions were ever asked at once."""

    def __init__(self, url: str, key: str, timeout_s: float) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise InvalidInput(f"transport: lean speaks plain http, and the endpoint is {url}; use transport: sdk")
        self._host, self._port = parts.hostname, parts.port or 80
        self._head = (
            f"POST {parts.path.rstrip('/')}/chat/completions HTTP/1.1\r\nhost: {parts.netloc}\r\n"
            f"authorization: Bearer {key}\r\ncontent-type: application/json\r\naccept: application/json\r\n"
            "content-length: "
        ).encode()
        self._timeout_s = timeout_s
        self._free: list[_Connection] = []

    async def post(self, request: Mapping[str, Any]) -> Reply:
        """Send a request on a free connection, or a new one."""
        body = _encoded(request)
        message = b"%b%d%b%b" % (self._head, len(body), _END, body)
        connection = self._reusable()
        if connection is None:
            connection = await self._connected()
        reply = await connection.exchange(message, self._timeout_s)
        if connection.reusable:
            self._free.append(connection)
        return reply

    async def close(self) -> None:
        """Close the connections."""
        while self._free:
            self._free.pop().abort()

    def _reusable(self) -> "_Connection | None":
        while self._free:
            connection = self._free.pop()
            if connection.reusable:
                return connection
        return None

    async def _connected(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._timeout_s):
            _, connection = await loop.create_connection(_Connection, self._host, self._port)
        return connection


def _encoded(request: Mapping[str, Any]) -> bytes:
    """Return a request as JSON, its fixed parts as they were written before."""
    fixed = [f',"{name}":{part.text}' for name, part in request.items() if isinstance(part, Fixed)]
    if not fixed:
        return _ENCODER.encode(request).encode()
    rest = _ENCODER.encode({name: part for name, part in request.items() if not isinstance(part, Fixed)})
    return f"{rest[:-1]}{''.join(fixed)}}}".encode()


class _Connection(asyncio.Protocol):
    """One connection: a message out, a reply in, and again."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[Reply] | None = None
        self._incoming = _Incoming()
        self.reusable = False

    async def exchange(self, message: bytes, timeout_s: float) -> Reply:
        """Send a message and return the reply to it."""
        if not self.reusable:
            raise ConnectionResetError("the connection was closed")
        self.reusable = False
        waiter: asyncio.Future[Reply] = self._loop.create_future()
        self._waiter = waiter
        timer = self._loop.call_later(timeout_s, self._fail, TimeoutError())
        self._transport.write(message)
        try:
            return await waiter
        except BaseException:
            self.abort()
            raise
        finally:
            timer.cancel()
            self._waiter = None

    def abort(self) -> None:
        """Break the connection off."""
        self.reusable = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.reusable = True

    def connection_lost(self, error: Exception | None) -> None:
        self.reusable = False
        self._complete(at_end=True)
        self._fail(error if isinstance(error, OSError) else ConnectionResetError("the connection was closed"))

    def data_received(self, data: bytes) -> None:
        self._incoming.add(data)
        self._complete(at_end=False)

    def _complete(self, *, at_end: bool) -> None:
        """Hand the reply over once it is whole; what comes unasked ends the connection."""
        if self._waiter is None or self._waiter.done():
            if not at_end:
                self.abort()
            return
        try:
            reply = self._incoming.reply(at_end=at_end)
        except (ValueError, LookupError) as error:
            self._fail(ValueError(f"no HTTP ({error})"))
            return
        if reply is not None:
            self.reusable = not at_end and self._incoming.keeps
            self._incoming = _Incoming()
            self._waiter.set_result(reply)

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)


@dataclass
class _Incoming:
    """The bytes of one reply, as far as they have come."""

    data: bytes = b""
    keeps: bool = False
    """Whether the connection may be used again after the reply."""
    _status: int = 0
    _headers: dict[str, str] = field(default_factory=dict)
    _body_at: int = 0

    def add(self, data: bytes) -> None:
        """Take more bytes in."""
        self.data = self.data + data if self.data else data

    def reply(self, *, at_end: bool) -> Reply | None:
        """Return the reply if it is whole; ``at_end`` says that nothing more will come. Raises ValueError."""
        if len(self.data) > MOST_BYTES:
            raise ValueError(f"a reply of more than {MOST_BYTES} bytes")
        if not self._body_at and not self._read_head():
            return None
        if "chunked" in self._headers.get("transfer-encoding", "").lower():
            return self._chunked()
        length = self._headers.get("content-length")
        if length is None:
            return Reply(self._status, self.data[self._body_at :], self._headers) if at_end else None
        end = self._body_at + int(length)
        if end < self._body_at:
            raise ValueError("a body of negative length")
        if len(self.data) < end:
            return None
        return self._whole(self.data[self._body_at : end], end)

    def _read_head(self) -> bool:
        """Read status and headers, passing over interim replies."""
        end = self.data.find(_END)
        if end < 0:
            if self.data and not b"HTTP/1.".startswith(self.data[:7]):
                raise ValueError(f"it begins with {self.data[:20]!r}")
            return False
        first, *lines = self.data[:end].decode("latin-1").split("\r\n")
        version, status = first.split(" ", 2)[:2]
        if not version.startswith("HTTP/1."):
            raise ValueError(f"it begins with {first[:20]!r}")
        if 100 <= int(status) < 200:
            self.data = self.data[end + len(_END) :]
            return self._read_head()
        named = (line.partition(":") for line in lines)
        self._headers = {name.lower(): value.strip() for name, _, value in named}
        self._status, self._body_at = int(status), end + len(_END)
        return True

    def _chunked(self) -> Reply | None:
        """Return the reply with its chunks joined."""
        parts: list[bytes] = []
        place = self._body_at
        while (line := self.data.find(b"\r\n", place)) >= 0:
            size = int(self.data[place:line].partition(b";")[0], 16)
            place = line + 2
            if size < 0:
                raise ValueError("a chunk of negative length")
            if size == 0:
                trailers = self.data.find(_END, line)
                bare = self.data.startswith(b"\r\n", place)
                if not bare and trailers < 0:
                    return None
                return self._whole(b"".join(parts), place + 2 if bare else trailers + len(_END))
            parts.append(self.data[place : place + size])
            place += size + 2
        return None

    def _whole(self, body: bytes, end: int) -> Reply:
        self.keeps = len(self.data) == end and self._headers.get("connection", "").lower() != "close"
        return Reply(self._status, body, self._headers)
