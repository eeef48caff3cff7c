"""A fast OpenAI-compatible server in its own process, on a real loopback socket, with faults to order.

Answers are a function of what is asked (messages and schema), never of time or of other questions. A
model named ``FAULTxN`` meets that fault N times per distinct request and then succeeds (``FAULT``
alone: always). ``--faults`` has more: ``429:0.3,500:0.05`` at random, keyed by the request and how
often it came; ``429@1-3`` for every request from second 1 to 3 after the first one; ``dead@1-4`` with
no server at all meanwhile. ``--latency`` is a mean, ``--profile`` constant or lognormal (heavy tail,
keyed by the request), ``--slots`` how many requests are worked on at once (0: all). With ``--key`` any
other key is refused, and the refusal repeats what was sent, as careless servers do. ``GET /stats``
tells what happened so far.
"""

import argparse
import asyncio
import hashlib
import json
import math
import socket
import struct
import subprocess
import sys
import urllib.request
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from pathlib import Path
from statistics import NormalDist
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agents.llm.base import Answer, Message, Prompt
from agents.llm.scripted import Scripted

LETTERS = tuple("ABCDEFGHIJKLMNOPQRST")
HANG_S = 30.0
TRICKLE_S = 0.05
VARIANTS = 256
"""Different answers the server has ready for one kind of question."""
CHOOSY = 16
"""One answer in so many watches anything."""
SPREAD = 1.0
"""Standard deviation of the logarithm of a heavy-tailed latency: one in a hundred takes six times the mean."""
HUGE = 1 << 20


@contextmanager
def running(
    faults: str = "", key: str = "", latency: float = 0.0, port: int = 0, profile: str = "constant", slots: int = 0
) -> Iterator[str]:
    """Start the server and yield its base URL; it is gone at the end of the block."""
    given = {"faults": faults, "key": key, "latency": latency, "port": port, "profile": profile, "slots": slots}
    options = [text for name, value in given.items() for text in (f"--{name}", str(value))]
    process = subprocess.Popen([sys.executable, __file__, *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def stats(url: str) -> dict[str, int]:
    """Return how many requests met which fault (``ok``: none), how many were probes, and ``peak``, the most at once."""
    with urllib.request.urlopen(url.removesuffix("/v1") + "/stats", timeout=5) as response:
        return json.load(response)


# -- what is answered ---------------------------------------------------------------------------------


@lru_cache(maxsize=1 << 14)
def ready(kind: str, schema: str, variant: int) -> tuple[str, dict[str, Any]]:
    """Return one of the answers to a kind of question, by the scripted model's formula, and its choice."""
    message = (Message("user", f"variant {variant}"),)
    if kind in ("labels", "probe"):
        answer = _scripted(Prompt("labels", "stub", message, labels=LETTERS))
        first = "yes" if kind == "probe" else "A"
        top = [
            {"token": token, "logprob": logprob, "bytes": None}
            for token, logprob in zip((first, *LETTERS[1:]), answer.logprobs, strict=True)
        ]
        return first, {"logprobs": {"content": [{**top[0], "top_logprobs": top}], "refusal": None}}
    answer = _scripted(Prompt("structured" if schema else "text", "stub", message, schema=schema))
    return (_choosy(answer.text) if schema and variant % CHOOSY else answer.text), {}


def _choosy(text: str) -> str:
    """Pass over everything, as most people do on most pages."""
    content = json.loads(text)
    return json.dumps(content | {"watch": []} if isinstance(content.get("watch"), list) else content)


def _scripted(prompt: Prompt) -> Answer:
    """Run the scripted model, which waits for nothing."""
    try:
        Scripted().ask(prompt).send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("the scripted model waited")


@lru_cache(maxsize=1 << 14)
def completion(kind: str, schema: str, variant: int, manner: str = "") -> bytes:
    """Return a whole response body but for the number of tokens read; ``manner`` spoils its content."""
    text, more = ready(kind, schema, variant)
    message: dict[str, Any] = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": "stop", "message": message, **more}
    if manner:
        SPOILED[manner](choice)
    usage = {"prompt_tokens": "TOKENS", "completion_tokens": len(text.split()) or 1, "total_tokens": 0}
    body = {"id": "stub", "object": "chat.completion", "created": 0, "model": "stub", "usage": usage}
    choices = [] if manner == "empty" else [choice]
    return json.dumps({**body, "choices": choices}).encode().replace(b'"TOKENS"', b"%d")


def _content(text: str | None, finish: str = "stop", **more: Any) -> Callable[[dict[str, Any]], None]:
    def spoil(choice: dict[str, Any]) -> None:
        choice["message"] |= {"content": text, **more}
        choice["finish_reason"] = finish

    return spoil


def _number(value: float) -> Callable[[dict[str, Any]], None]:
    """Spoil every number of an answer, ratings and log-probabilities alike."""

    def spoil(choice: dict[str, Any]) -> None:
        choice["message"]["content"] = json.dumps(
            {"watch": [{"position": 1, "rating": value}], "leave": "stay", "reason": ""}
        )
        for entry in (choice.get("logprobs") or {"content": []})["content"]:
            for likely in entry["top_logprobs"]:
                likely["logprob"] = value

    return spoil


SPOILED: dict[str, Callable[[dict[str, Any]], None]] = {
    "malformed": _content('{"watch": [tru'),
    "truncated": _content('{"watch": [', "length"),
    "refused": _content(None, refusal="I cannot"),
    "out_of_slate": _content('{"watch": [{"position": 99, "rating": 4}], "leave": "stay", "reason": ""}'),
    "nan": _number(math.nan),
    "inf": _number(math.inf),
    "huge": _content("x" * HUGE),
    "empty": lambda choice: None,
}


# -- the server ---------------------------------------------------------------------------------------


class Request:
    """One question: its connection, what was asked, and the digest that everything is keyed by."""

    __slots__ = ("body", "connection", "digest", "kind", "schema", "times")

    def __init__(self, connection: "Connection", raw: bytes) -> None:
        self.connection = connection
        self.body = json.loads(raw)
        said = "\n".join(message["content"] for message in self.body["messages"])
        schema = self.body.get("response_format", {}).get("json_schema", {}).get("schema")
        self.schema = json.dumps(schema) if schema else ""
        self.digest = hashlib.blake2b(f"{said}\0{self.schema}".encode(), digest_size=8).digest()
        self.kind = ("probe" if "yes?" in said else "labels") if self.body.get("logprobs") else "text"
        self.times = 0

    def fraction(self, purpose: str) -> float:
        """Return a number in (0, 1) that the request and how often it came decide."""
        key = b"%s/%d/%s" % (self.digest, self.times, purpose.encode())
        return (int.from_bytes(hashlib.blake2b(key, digest_size=6).digest(), "little") + 0.5) / 2**48

    def answer(self, manner: str = "") -> bytes:
        """Return the body that answers the request."""
        variant = int.from_bytes(self.digest, "little") % VARIANTS
        tokens = sum(len(message["content"]) for message in self.body["messages"]) // 4
        return completion(self.kind, self.schema, variant, manner).replace(b"%d", b"%d" % tokens, 1)


class Stub:
    """Everything the connections share."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.shares, self.storms = parsed(options.faults)
        self.seen: Counter[bytes] = Counter()
        self.counts: Counter[str] = Counter()
        self.connections: set[Connection] = set()
        self.waiting: deque[Callable[[], None]] = deque()
        self.busy = 0
        self.started = 0.0
        self.server: asyncio.Server | None = None
        self.tasks: list[asyncio.Task[int]] = []

    async def listen(self, port: int) -> int:
        """Open the door; return the port."""
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(
            lambda: Connection(self), "127.0.0.1", port, backlog=4096, reuse_address=True
        )
        return int(self.server.sockets[0].getsockname()[1])

    def ask(self, request: Request) -> None:
        """Take a question in; it is answered once a slot is free and its latency has passed."""
        if not self.started:
            self._begin()
        key = request.digest + request.body["model"].encode()
        request.times = self.seen[key]
        self.seen[key] += 1
        fault = self.fault(request)
        self.counts[fault] += 1
        self.counts["probes"] += request.body["messages"][-1]["content"] == "yes?"
        if self.options.slots and self.busy >= self.options.slots:
            self.waiting.append(partial(self._work, request, fault))
        else:
            self._work(request, fault)

    def fault(self, request: Request) -> str:
        """Return the fault a request meets: its model's, that of a storm, or one by chance."""
        name, _, limit = request.body["model"].partition("x")
        if name in FAULTS:
            return name if not limit or request.times < int(limit) else "ok"
        now = asyncio.get_running_loop().time() - self.started
        for name, start, end in self.storms:
            if start <= now < end:
                return name
        draw = request.fraction("fault") if self.shares else 1.0
        for name, share in self.shares:
            if draw < share:
                return name
            draw -= share
        return "ok"

    def latency(self, request: Request) -> float:
        """Return the seconds an answer takes."""
        mean = float(self.options.latency)
        if mean == 0 or self.options.profile == "constant":
            return mean
        z = NormalDist().inv_cdf(request.fraction("latency"))
        return mean * math.exp(SPREAD * z - SPREAD**2 / 2)

    def _begin(self) -> None:
        """Start the clock of storms at the first question."""
        loop = asyncio.get_running_loop()
        self.started = loop.time()
        for name, start, end in self.storms:
            if name == "dead":
                loop.call_later(start, self._die, end - start)

    def _work(self, request: Request, fault: str) -> None:
        self.busy += 1
        self.counts["peak"] = max(self.counts["peak"], self.busy)
        latency = self.latency(request)
        if latency:
            asyncio.get_running_loop().call_later(latency, self._finish, request, fault)
        else:
            self._finish(request, fault)

    def _finish(self, request: Request, fault: str) -> None:
        longer = FAULTS[fault](request)
        if longer:
            asyncio.get_running_loop().call_later(longer, self._release)
        else:
            self._release()

    def _release(self) -> None:
        self.busy -= 1
        if self.waiting:
            self.waiting.popleft()()

    def _die(self, seconds: float) -> None:
        """Close the door and every connection; come back later."""
        assert self.server is not None
        port = int(self.server.sockets[0].getsockname()[1])
        self.server.close()
        for connection in list(self.connections):
            connection.reset()
        loop = asyncio.get_running_loop()
        loop.call_later(seconds, lambda: self.tasks.append(loop.create_task(self.listen(port))))


def parsed(faults: str) -> tuple[list[tuple[str, float]], list[tuple[str, float, float]]]:
    """Return shares and storms.

    >>> parsed("429:0.3,dead@1-4")
    ([('429', 0.3)], [('dead', 1.0, 4.0)])
    """
    shares, storms = [], []
    for part in filter(None, faults.split(",")):
        if "@" in part:
            name, _, span = part.partition("@")
            start, _, end = span.partition("-")
            storms.append((name, float(start), float(end)))
        else:
            name, _, share = part.partition(":")
            shares.append((name, float(share)))
    return shares, storms


class Connection(asyncio.Protocol):
    """One keep-alive connection; a client asks its next question after the answer."""

    def __init__(self, stub: Stub) -> None:
        self.stub = stub
        self.buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.stub.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.stub.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        if head.startswith(b"GET"):
            self.buffer = b""
            self.reply(200, json.dumps(self.stub.counts).encode())
            return
        lowered = head.lower()
        length = int(lowered.split(b"content-length:", 1)[1].split(b"\r", 1)[0])
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        key = self.stub.options.key.encode()
        if key and b"\r\nauthorization: bearer %s\r\n" % key.lower() not in lowered + b"\r\n":
            sent = head[lowered.find(b"authorization:") :].split(b"\r\n", 1)[0].decode()
            error = {"message": f"wrong key: {sent}", "code": "invalid_api_key"}
            self.reply(401, json.dumps({"error": error}).encode())
            return
        self.stub.ask(Request(self, rest[:length]))

    def reply(self, status: int, payload: bytes, *headers: bytes, chunked: bool = False) -> None:
        """Send a whole response."""
        framing = b"transfer-encoding: chunked" if chunked else b"content-length: %d" % len(payload)
        lines = (b"HTTP/1.1 %d Stub" % status, b"content-type: application/json", framing, *headers, b"", b"")
        self.send(b"\r\n".join(lines) + (_chunks(payload) if chunked else payload))

    def send(self, data: bytes) -> None:
        """Send bytes, unless the client has gone."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def reset(self) -> None:
        """Break the connection off without a farewell."""
        with suppress(OSError, AttributeError):
            self.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        self.transport.abort()


def _chunks(payload: bytes) -> bytes:
    parts = [payload[start : start + 100] for start in range(0, len(payload), 100)]
    return b"".join(b"%x;note=1\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\ntrailer: 1\r\n\r\n"


# -- faults: each sends what it sends and returns the seconds it keeps the slot afterwards ------------


def answered(request: Request) -> None:
    request.connection.reply(200, request.answer())


def spoiled(manner: str, request: Request) -> None:
    request.connection.reply(200, request.answer(manner))


def refused(status: int, *headers: bytes) -> Callable[[Request], None]:
    content = json.dumps({"error": {"message": f"fault {status}", "type": "stub", "code": None}}).encode()
    return lambda request: request.connection.reply(status, content, *headers)


def hang(request: Request) -> float:
    asyncio.get_running_loop().call_later(HANG_S, request.connection.transport.close)
    return HANG_S


def slow(request: Request) -> float:
    """Send one byte every 50 ms, so that no single read ever times out."""
    payload = request.answer()
    send = request.connection.send
    send(b"HTTP/1.1 200 Stub\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(payload))
    loop = asyncio.get_running_loop()
    for place in range(len(payload)):
        loop.call_later(place * TRICKLE_S, send, payload[place : place + 1])
    return len(payload) * TRICKLE_S


def plain(request: Request) -> None:
    """Refuse schemas and log-probabilities, as servers do that have neither."""
    if request.schema or request.body.get("logprobs"):
        request.connection.reply(400, b'{"error": {"message": "no response_format, no logprobs"}}')
    else:
        answered(request)


def half(request: Request) -> None:
    """Promise a whole answer, send half of it, and close."""
    payload = request.answer()
    head = b"HTTP/1.1 200 Stub\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(payload)
    request.connection.send(head + payload[: len(payload) // 2])
    request.connection.transport.close()


def closing(request: Request) -> None:
    """Answer, and close the connection, with a word of warning."""
    request.connection.reply(200, request.answer(), b"connection: close")
    request.connection.transport.close()


FAULTS: dict[str, Callable[[Request], float | None]] = {
    "ok": answered,
    "chunked": lambda request: request.connection.reply(200, request.answer(), chunked=True),
    "closing": closing,
    "429": refused(429, b"retry-after: 0.05"),
    "429-bare": refused(429),
    "429-date": refused(429, b"retry-after: Wed, 21 Oct 2015 07:28:00 GMT"),
    **{str(status): refused(status) for status in (400, 401, 403, 404, 408, 409, 422, 500, 502, 503)},
    "hang": hang,
    "slow": slow,
    "drop": lambda request: request.connection.transport.close(),
    "reset": lambda request: request.connection.reset(),
    "half": half,
    "html": lambda request: request.connection.reply(200, b"<html>proxy</html>"),
    "not_http": lambda request: request.connection.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "not_utf8": lambda request: request.connection.reply(200, b'{"choices": "\xff\xfe"}'),
    "plain": plain,
    **{manner: partial(spoiled, manner) for manner in SPOILED},
}


async def serve(options: argparse.Namespace) -> None:
    print(await Stub(options).listen(options.port), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--faults", default="")
    parser.add_argument("--key", default="")
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--profile", choices=("constant", "lognormal"), default="constant")
    parser.add_argument("--slots", type=int, default=0)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
