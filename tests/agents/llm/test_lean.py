"""The lean transport against bytes sent by hand, cut wherever a network may cut them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.errors import InvalidInput
from agents.llm.transports.base import Fixed, Reply
from agents.llm.transports.lean import MOST_BYTES, Lean, _encoded, _Incoming

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
TRAILED = CHUNKED[:-2] + b"x: 1\r\ny: 2\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE


@settings(max_examples=80)
@given(st.sampled_from([WHOLE, CHUNKED, TRAILED, INTERIM]), st.sets(st.integers(1, 100), max_size=9))
def test_a_reply_is_whole_wherever_it_was_cut(message: bytes, cuts: set[int]) -> None:
    incoming = _Incoming()
    edges = [0, *sorted(cut for cut in cuts if cut < len(message)), len(message)]
    replies = []
    for start, end in pairwise(edges):
        assert not replies or replies[-1] is None
        incoming.add(message[start:end])
        replies.append(incoming.reply(at_end=False))
    reply = replies[-1]
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body) == (200, b"hello")
    assert incoming.keeps


def test_without_a_length_the_end_of_the_connection_ends_the_reply() -> None:
    incoming = _Incoming()
    incoming.add(b"HTTP/1.0 200 OK\r\n\r\nhello")
    assert incoming.reply(at_end=False) is None
    reply = incoming.reply(at_end=True)
    assert reply is not None
    assert reply.body == b"hello"


@pytest.mark.parametrize(
    "message",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-5\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * MOST_BYTES,
    ],
)
def test_what_is_no_reply_is_refused(message: bytes) -> None:
    incoming = _Incoming()
    incoming.add(message)
    with pytest.raises((ValueError, LookupError)):
        incoming.reply(at_end=False)


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def posts(handler: Handler, count: int) -> tuple[list[bytes | str], int]:
    """Post one after the other to a server made of a handler; return what came, and how many connections it took."""
    connections = 0

    async def together() -> list[bytes | str]:
        nonlocal connections

        async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            await handler(reader, writer)

        server = await asyncio.start_server(counted, "127.0.0.1", 0)
        client = Lean(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", "none", 1.0)
        said: list[bytes | str] = []
        for _ in range(count):
            try:
                said.append((await client.post({"a": 1})).body)
            except (OSError, ValueError) as error:
                said.append(type(error).__name__)
            await asyncio.sleep(0.01)
        await client.close()
        server.close()
        return said

    return asyncio.run(together()), connections


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, after: bytes = b"") -> None:
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:")
        assert await reader.readexactly(7) == b'{"a":1}'
        writer.write(WHOLE + after)


async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(WHOLE)
    writer.close()


async def answer_twice_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await answer(reader, writer, after=WHOLE)


@pytest.mark.parametrize(("handler", "connections"), [(answer, 1), (answer_once, 4), (answer_twice_at_once, 4)])
def test_connections_are_kept_while_both_sides_are_in_step(handler: Handler, connections: int) -> None:
    assert posts(handler, 4) == ([b"hello"] * 4, connections)


def test_parts_written_before_read_the_same() -> None:
    content = {"a": [1, "é"], "b": {}}
    for request in ({"x": 1, "f": Fixed(content), "y": "z"}, {"x": 1, "f": content}, {"x": 1}):
        assert json.loads(_encoded(request)) == request


def test_https_is_refused_with_the_remedy() -> None:
    with pytest.raises(InvalidInput, match="use transport: sdk"):
        Lean("https://models.example/v1", "key", 1.0)
