"""Runs that are killed, resumed and compared with undisturbed ones."""

import importlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.crash import VARIABLE
from agents.errors import InvalidInput, MissingResource, TasteloopError
from simulator.commits import FLUSH_S
from simulator.manifest import read_json
from simulator.scenario_file import read
from simulator.seeds import Streams

ROOT = Path(__file__).resolve().parents[1]
LATENCY_S = 0.02
MOMENT = "moment"
"""What a kill that is not at a named point counts as."""


@dataclass(frozen=True)
class Server:
    """The scripted server that stands in for every language model."""

    url: str

    def asked(self) -> int:
        """Return how many questions it was asked, those that probe what it can answer left out."""
        counts: dict[str, int] = importlib.import_module("tests.stub_server").stats(self.url)
        return counts.get("ok", 0) - counts.get("probes", 0)

    def options(self) -> list[str]:
        """Return the command-line options that put it in place."""
        return ["--llm", f"{{kind: openai, transport: lean, model: ok, base_url: {self.url!r}}}"]


@contextmanager
def counting_server() -> Iterator[Server]:
    """Start the scripted server in a process of its own; raise MissingResource without a checkout."""
    if not (ROOT / "tests" / "stub_server.py").is_file():
        raise MissingResource(f"chaos needs tests/stub_server.py of the checkout, and {ROOT} has none; clone it")
    with importlib.import_module("tests.stub_server").running(latency=LATENCY_S) as url:
        yield Server(url)


@dataclass(frozen=True)
class Subject:
    """A scenario, and what an undisturbed run of it gave."""

    name: str
    words: tuple[str, ...]
    """What the command line is given besides ``--out``."""
    digest: str
    asked: int
    wall_s: float
    bounds: Mapping[str, int] = field(repr=False)
    """Point inside a write -> about how often a run passes it."""

    @classmethod
    def undisturbed(cls, path: Path, folder: Path, server: Server) -> "Subject":
        """Run a scenario to its end; raise InvalidInput where it does not get there."""
        words = ("run", str(path), *(server.options() if read(path).llm else []))
        before = server.asked()
        errors = _run_on(_start(words, folder), folder)
        if errors:
            raise InvalidInput(f"{path} cannot be used: undisturbed it did not finish: {errors}")
        manifest = read_json(folder / "manifest.json")
        asked = server.asked() - before
        return cls(path.stem, words, manifest["log_digest"], asked, manifest["wall_s"], _bounds(folder, manifest))


def _bounds(folder: Path, manifest: Mapping[str, Any]) -> dict[str, int]:
    seals, segments = (len(list((folder / "log").glob(name))) for name in ("seal-*.json", "*.parquet"))
    fits = sum(manifest["tables"].get(table, {"rows": 0})["rows"] for table in ("refits", "updates"))
    files = seals + fits + 4
    answers = {"answer": manifest["calls"]["calls"]} if manifest["calls"]["calls"] else {}
    writes = {"window": 1 + int(manifest["wall_s"] / FLUSH_S), "segment": segments}
    return answers | writes | dict.fromkeys(("file-written", "file-synced", "file-renamed"), files)


@dataclass(frozen=True)
class End:
    """How one killed run came out."""

    subject: Subject
    point: str
    where: str
    twice: bool
    equal: bool
    asked: int
    """Questions that as many undisturbed runs ask; attempts that ended before they were killed count as runs."""


def trial(subject: Subject, folder: Path, number: int, seed: int) -> End:
    """Kill one run, perhaps twice, let it finish, and compare; ``number`` counts within the scenario."""
    share, second = (float(Streams(seed).uniform(f"chaos-{subject.name}", number, lane)) for lane in (0, 1))
    points = [MOMENT] if number % 2 == 0 else sorted(subject.bounds)
    point = points[number // 2 % len(points)]
    point, where, ended = _kill(subject, folder, point, share)
    twice = number % 4 == 3 and _killed_after(_again(subject, folder), folder, second * subject.wall_s)
    errors = _run_on(_start(_again(subject, folder), folder), folder)
    equal = not errors and read_json(folder / "manifest.json")["log_digest"] == subject.digest
    if errors:
        where = f"{where} (resumed, it did not finish: {errors})"
    shutil.rmtree(folder)
    return End(subject, point, where, twice, equal, subject.asked * (1 + ended))


def _kill(subject: Subject, folder: Path, point: str, share: float) -> tuple[str, str, int]:
    """Start runs until one is killed, each sooner than the one before; return point, place, and how many ended first.

    Where no run comes to the point (a quick one seals its windows before they are flushed), a moment takes its place.
    """
    for ended in range(8):
        if point == MOMENT:
            where, killed = f"{share:.0%}", _killed_after(subject.words, folder, share * subject.wall_s)
        else:
            count = 1 + int(share * subject.bounds[point])
            where, killed = f"{point} {count}", _killed_at(subject.words, folder, point, count)
        if killed:
            return point, where, ended
        shutil.rmtree(folder)
        share /= 2
        if ended == 2:
            point = MOMENT
    raise TasteloopError(f"{subject.name} could not be killed: every run ended before its moment came")


def _killed_after(words: Sequence[str], folder: Path, seconds: float) -> bool:
    """Start a command and kill it so long after it began to write; tell whether it was still there."""
    process = _start(words, folder)
    while process.poll() is None and not (folder / "scenario.resolved.yaml").exists():
        time.sleep(0.005)
    time.sleep(seconds)
    process.kill()
    process.communicate()
    return not _complete(folder)


def _killed_at(words: Sequence[str], folder: Path, point: str, count: int) -> bool:
    """Start a command that dies at a point inside a write; tell whether it came there."""
    _run_on(_start(words, folder, **{VARIABLE: f"{point}:{count}"}), folder)
    return not _complete(folder)


def _run_on(process: "subprocess.Popen[str]", folder: Path) -> str:
    """Let a command go on until its log is complete, and no further: measuring and drawing change no log.

    Return what it said of errors where it ended without a log.
    """
    while process.poll() is None and not _complete(folder):
        time.sleep(0.02)
    process.kill()
    _, errors = process.communicate()
    return "" if _complete(folder) else f"exit code {process.returncode} {errors.strip()}"


def _complete(folder: Path) -> bool:
    path = folder / "manifest.json"
    return path.exists() and read_json(path)["status"] == "finished"


def _again(subject: Subject, folder: Path) -> tuple[str, ...]:
    """Return how to go on: resume, or begin again where the run had not even written down what it is."""
    return ("resume",) if (folder / "scenario.resolved.yaml").exists() else subject.words


def _start(words: Sequence[str], folder: Path, **environment: str) -> "subprocess.Popen[str]":
    place = [str(folder)] if words[0] == "resume" else ["--out", str(folder)]
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run_sim.py"), *words, *place],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
