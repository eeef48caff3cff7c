"""A small OpenAI-compatible server in its own process, with faults to order.

Answers are a function of the request alone. A model named ``FAULTxN`` meets that fault N times per
distinct request and then succeeds (``FAULT`` alone: always); ``--faults 429:0.3,500:0.05`` does so at
random, keyed by the request and how often it came. With ``--key`` any other key is refused, and the
refusal repeats what was sent, as careless servers do. ``GET /stats`` tells what happened so far.
"""

import argparse
import asyncio
import hashlib
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agents.llm.base import Message, Prompt
from agents.llm.scripted import Scripted

LETTERS = tuple("ABCDEFGHIJKLMNOPQRST")
HANG_S = 30.0


@contextmanager
def running(faults: str = "", key: str = "", latency: float = 0.0, port: int = 0) -> Iterator[str]:
    """Start the server and yield its base URL; it is gone at the end of the block."""
    command = [
        sys.executable,
        __file__,
        "--faults",
        faults,
        "--key",
        key,
        "--latency",
        str(latency),
        "--port",
        str(port),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def stats(url: str) -> dict[str, int]:
    """Return how many requests met which fault (``ok`` for none), and ``peak``, the most at once."""
    with urllib.request.urlopen(url.removesuffix("/v1") + "/stats", timeout=5) as response:
        return json.load(response)


class Stub(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(("127.0.0.1", options.port), Handler)
        pairs = (pair.split(":") for pair in options.faults.split(",") if pair)
        self.faults = [(name, float(share)) for name, share in pairs]
        self.key, self.latency = options.key, options.latency
        self.seen: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.busy = 0

    def fault(self, body: bytes, model: str) -> str:
        """Return the fault this request meets, by its content and how often it came before."""
        digest = hashlib.blake2b(body, digest_size=8).hexdigest()
        with self.lock:
            times = self.seen[digest]
            self.seen[digest] += 1
        name, _, limit = model.partition("x")
        if name in FAULTS:
            return name if not limit or times < int(limit) else "ok"
        draw = int(hashlib.blake2b(f"{digest}/{times}".encode(), digest_size=4).hexdigest(), 16) / 2**32
        for name, share in self.faults:
            if draw < share:
                return name
            draw -= share
        return "ok"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that clients gave up."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stub

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.reply(200, dict(self.server.counts))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        sent = self.headers.get("authorization", "")
        if self.server.key and sent != f"Bearer {self.server.key}":
            return self.reply(401, {"error": {"message": f"wrong key: {sent}", "code": "invalid_api_key"}})
        body = json.loads(raw)
        fault = self.server.fault(raw, body["model"])
        with self.server.lock:
            self.server.busy += 1
            self.server.counts[fault] += 1
            self.server.counts["peak"] = max(self.server.counts["peak"], self.server.busy)
        try:
            time.sleep(self.server.latency)
            FAULTS[fault](self, body)
        finally:
            with self.server.lock:
                self.server.busy -= 1

    def reply(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        payload = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


def completion(body: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a request, by the scripted model's formula."""
    messages = tuple(Message(message["role"], message["content"]) for message in body["messages"])
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
    if body.get("logprobs"):
        answer = asyncio.run(Scripted().ask(Prompt("labels", "stub", messages, labels=LETTERS)))
        top = [
            {"token": t, "logprob": p, "bytes": None}
            for t, p in zip(("yes", *LETTERS[1:]), answer.logprobs, strict=True)
        ]
        if "yes?" not in messages[-1].text:
            top[0]["token"] = "A"
        choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}], "refusal": None}
        text = top[0]["token"]
    else:
        prompt = Prompt("structured" if schema else "text", "stub", messages, schema=json.dumps(schema or {}))
        answer = asyncio.run(Scripted().ask(prompt))
        text = answer.text
    choice["message"] = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": answer.tokens_in, "completion_tokens": answer.tokens_out, "total_tokens": 0}
    return {
        "id": "stub",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [choice],
        "usage": usage,
    }


def edited(body: dict[str, Any], finish: str, **message: Any) -> dict[str, Any]:
    """Return the answer with another message and finish reason."""
    content = completion(body)
    content["choices"][0]["message"] |= message
    content["choices"][0]["finish_reason"] = finish
    return content


def hang(handler: Handler, body: dict[str, Any]) -> None:
    time.sleep(HANG_S)
    handler.close_connection = True


def slow(handler: Handler, body: dict[str, Any]) -> None:
    """Send one byte every 50 ms, so that no single read ever times out."""
    payload = json.dumps(completion(body)).encode()
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(payload)))
    handler.end_headers()
    for byte in payload:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.05)


def drop(handler: Handler, body: dict[str, Any]) -> None:
    """Close a connection that was promised to stay."""
    handler.close_connection = True


def error(status: int, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = {"error": {"message": f"fault {status}", "type": "stub", "code": None}}
    return lambda handler, body: handler.reply(status, content, named)


FAULTS: dict[str, Any] = {
    "ok": lambda handler, body: handler.reply(200, completion(body)),
    "429": error(429, retry_after="0.05"),
    "500": error(500),
    "503": error(503),
    "400": error(400),
    "404": error(404),
    "422": error(422),
    "hang": hang,
    "slow": slow,
    "drop": drop,
    "html": lambda handler, body: handler.reply(200, b"<html>proxy</html>"),
    "empty": lambda handler, body: handler.reply(200, {**completion(body), "choices": []}),
    "malformed": lambda handler, body: handler.reply(200, edited(body, "stop", content='{"watch": [tru')),
    "truncated": lambda handler, body: handler.reply(200, edited(body, "length", content='{"watch": [')),
    "refused": lambda handler, body: handler.reply(200, edited(body, "stop", content=None, refusal="I cannot")),
    "plain": lambda handler, body: handler.reply(400, {"error": {"message": "no response_format, no logprobs"}})
    if body.get("response_format") or body.get("logprobs")
    else handler.reply(200, completion(body)),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--faults", default="")
    parser.add_argument("--key", default="")
    parser.add_argument("--latency", type=float, default=0.0)
    server = Stub(parser.parse_args())
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
