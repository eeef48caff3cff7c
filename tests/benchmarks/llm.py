"""``bench llm``: how busy a run keeps a language model, and what each decision costs of the processor."""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agents import models as weights
from agents.llm.base import Answer, Prompt
from agents.llm.llamacpp import LlamaCpp
from agents.llm.openai import OpenAI, _request
from simulator.cast import gather
from simulator.run import budget_of, models, run
from simulator.scenario import Scenario
from tests.stub_server import running

SLOTS = 64
LATENCY_S = 0.05
TIMEOUT_S = 1.0
FAULTS = "429:0.3,500:0.05,hang:0.02"
EMBEDDED = "smollm2-135m-instruct"
EMBEDDED_DAYS = 0.03


def measure(
    progress: Callable[[str], None], large: int = 600, small: int = 200, days: float = 0.15, embedded: int = 8
) -> dict[str, Any]:
    """Measure runs against a stub server of 50 ms mean, heavy-tailed latency, in its own process.

    Users are hardly ever away and turn a page every two minutes on average, half of the time within
    one; each run is measured whole, its last user included.

    - ``ratio_600_users``: questions/s of a run of 600 language-model users (window 15 m, lag 2, 64
      slots) over those of a raw asyncio generator that sends the very same bodies over 64
      connections; the answers and each request's latency are the same.
    - ``ratio_200_users``: the same for 200 users and windows of 60 m.
    - ``cpu_us_per_decision``: processor time of this process, all threads, per language-model
      decision of a run against a stub that does not wait; journal and full log on. The cast is
      gathered beforehand.
    - ``faulted_ratio``: questions/s, answered, of the 600 users while 30 % of the attempts meet HTTP 429 (with
      retry-after 0.05 s), 5 % HTTP 500, and 2 % hang until the timeout of 1 s, over those of the raw
      generator under the same faults: it sends a faulted body again at once, so that each of its 64
      connections loses what the faulted attempt itself takes and nothing else.
    - ``embedded_wall_ratio``: wall time of a run whose users ask the embedded model on llama.cpp over
      that of sending the same bodies one after the other to the same server; None where the model is
      not fetched.
    """
    figures: dict[str, Any] = {}
    progress(f"{large} users, no latency")
    asked = Run(large, 15, days)
    with running() as url:
        asked.go(url)
    figures["decisions"] = asked.decisions
    figures["cpu_us_per_decision"] = asked.cpu_s / asked.decisions * 1e6
    progress(f"{figures['cpu_us_per_decision']:.0f} us a decision")
    bodies = [json.dumps(request).encode() for request in asked.requests]
    for name, users, window in (("ratio_600_users", large, 15), ("ratio_200_users", small, 60)):
        timed = Run(users, window, days * large / users)
        progress(f"{users} users, {LATENCY_S * 1000:.0f} ms heavy-tailed")
        with running(latency=LATENCY_S, profile="lognormal") as url:
            timed.go(url)
        progress(f"the same {len(timed.requests)} bodies, raw")
        with running(latency=LATENCY_S, profile="lognormal") as url:
            raw = send([json.dumps(request).encode() for request in timed.requests], url, SLOTS)
        figures[name] = len(timed.requests) / timed.wall_s / raw
        figures[f"raw_questions_per_second_{users}"] = raw
        progress(f"{name} {figures[name]:.3f}")
    progress(f"{large} users under {FAULTS}")
    faulted = Run(large, 15, days)
    with running(faults=FAULTS, latency=LATENCY_S, profile="lognormal") as url:
        faulted.go(url)
    progress("the same, raw")
    with running(faults=FAULTS, latency=LATENCY_S, profile="lognormal") as url:
        raw = send(bodies, url, SLOTS)
    figures["faulted_ratio"] = len(faulted.requests) / faulted.wall_s / raw
    progress(f"faulted_ratio {figures['faulted_ratio']:.3f}")
    figures["embedded_wall_ratio"] = against_embedded(progress, embedded)
    return figures


kept: list[Prompt] = []
"""What the models below were asked, for the raw generator to send again; a run empties it."""


@dataclass
class Kept(OpenAI):
    """An endpoint that keeps what it is asked."""

    async def ask(self, prompt: Prompt) -> Answer:
        if prompt.purpose != "probe":
            kept.append(prompt)
        return await super().ask(prompt)


@dataclass
class KeptLlamaCpp(LlamaCpp):
    """An embedded server that keeps what it is asked."""

    async def ask(self, prompt: Prompt) -> Answer:
        kept.append(prompt)
        return await super().ask(prompt)


@dataclass
class Run:
    """One run of users who all ask a language model, through the engine as it is used."""

    users: int
    window: int
    days: float
    decisions: int = field(init=False)
    requests: list[dict[str, Any]] = field(init=False)
    """What was asked, each once, in the order of asking."""
    wall_s: float = field(init=False)
    cpu_s: float = field(init=False)

    def go(self, url: str) -> None:
        """Run against an endpoint and note what it took."""
        local = {"kind": f"{__name__}:Kept", "model": "stub", "base_url": url, "transport": "lean"}
        self.timed(self.scenario(local | {"timeout_s": TIMEOUT_S}))
        self.requests = [_request(OpenAI("stub", base_url=url), prompt) for prompt in unique(kept)]

    def scenario(self, local: dict[str, Any]) -> Scenario:
        """Return users who come back within a minute, so that there is always somebody to ask."""
        return Scenario.model_validate(
            {
                "name": "bench",
                "seed": 11,
                "days": self.days,
                "data": {"kind": "synthetic:small"},
                "users": {"count": self.users, "sessions_per_day": 2000.0},
                "behavior": {"kind": "llm", "model": "local", "decide": "structured"},
                "llm": {"local": local},
                "recommender": {"kind": "popularity", "slate_size": 5},
                "platform": {"window": f"{self.window}m", "visibility_lag": 2},
                "engine": {"concurrency": SLOTS},
                "budget": {"fallback_share": 1.0},
            }
        )

    def timed(self, scenario: Scenario) -> None:
        """Run a scenario in a folder of its own; time nothing but the run itself."""
        kept.clear()
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            with models(scenario, home / "answers.journal") as dispatcher:
                cast = gather(scenario, dispatcher)
                wall, cpu = time.perf_counter(), time.process_time()
                manifest = run(scenario, home / "run", dispatcher, budget_of(scenario), cast=cast)
                self.wall_s, self.cpu_s = time.perf_counter() - wall, time.process_time() - cpu
        self.decisions = manifest["counts"]["llm_decisions"]


def unique(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Return the prompts without the repeats that retries make."""
    return list({prompt.address(""): prompt for prompt in prompts}.values())


def send(bodies: Sequence[bytes], url: str, at_once: int, timeout_s: float = TIMEOUT_S) -> float:
    """Send bodies over so many connections, each until it is answered; return bodies per second."""
    began = time.perf_counter()
    asyncio.run(_all(iter(bodies), url, at_once, timeout_s))
    return len(bodies) / (time.perf_counter() - began)


async def _all(bodies: Iterator[bytes], url: str, at_once: int, timeout_s: float) -> None:
    await asyncio.gather(*(_one_by_one(bodies, url, timeout_s) for _ in range(at_once)))


async def _one_by_one(bodies: Iterator[bytes], url: str, timeout_s: float) -> None:
    """Send what is left of the bodies over one connection."""
    place = urlsplit(url)
    connect = asyncio.open_connection
    reader, writer = await connect(place.hostname, place.port)
    for body in bodies:
        status = 0
        while status != 200:
            try:
                async with asyncio.timeout(timeout_s):
                    status = await _exchange(reader, writer, place.path, body)
            except TimeoutError:
                writer.close()
                reader, writer = await connect(place.hostname, place.port)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, body: bytes) -> int:
    """Send one body and read the reply to its end; return the status."""
    writer.write(
        b"POST %b/chat/completions HTTP/1.1\r\nhost: local\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (path.encode(), len(body), body)
    )
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r")[0]))
    return int(head.split(b" ", 2)[1])


def against_embedded(progress: Callable[[str], None], users: int) -> float | None:
    """Return the wall time of a run against the embedded model over that of its bodies alone."""
    if not weights.entry(EMBEDDED).is_fetched:
        return None
    local = {"kind": f"{__name__}:KeptLlamaCpp", "model": EMBEDDED}
    embedded = Run(users, 15, EMBEDDED_DAYS)
    progress(f"{users} users, the embedded model")
    embedded.timed(embedded.scenario(local))
    prompts = unique(kept)
    progress(f"the same {len(prompts)} bodies, raw")
    return embedded.wall_s / asyncio.run(_raw_embedded(prompts))


async def _raw_embedded(prompts: Sequence[Prompt]) -> float:
    """Return the seconds a fresh embedded server takes for prompts, asked one after the other."""
    model = LlamaCpp(EMBEDDED)
    await model.open()
    try:
        assert model._endpoint is not None
        endpoint = model._endpoint
        bodies = [json.dumps(_request(endpoint, prompt) | endpoint._extra).encode() for prompt in prompts]
        began = time.perf_counter()
        await _all(iter(bodies), endpoint.url, model.parallel, model.timeout_s)
        return time.perf_counter() - began
    finally:
        await model.close()
