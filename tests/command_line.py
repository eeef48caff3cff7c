"""The command line in tests: as a process of its own, or one command's function as an application."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import typer
from click.testing import Result
from typer.testing import CliRunner

ROOT = Path(__file__).parents[1]


def app(command: Callable[..., None]) -> typer.Typer:
    alone = typer.Typer()
    alone.command()(command)
    return alone


@cache
def _forks() -> "subprocess.Popen[str]":
    """Return what forks processes; it ends with this one, which holds its input open."""
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, str(ROOT / "tests/forks.py")], stdin=pipe, stdout=pipe, text=True)


def tasteloop(
    *words: object,
    check: int | None = 0,
    cwd: Path = ROOT,
    environment: Mapping[str, str] = os.environ,
    seconds: float = 300,
    figures: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a command line in a process of its own, which need not import anything; a run draws only if ``figures``."""
    forks, command = _forks(), list(map(str, words))
    assert forks.stdin is not None
    assert forks.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        out, err = (Path(folder) / name for name in ("out", "err"))
        asked = {
            "words": command,
            "folder": str(cwd),
            "environment": dict(environment),
            "cores": sorted(os.sched_getaffinity(0)),
            "out": str(out),
            "err": str(err),
            "seconds": seconds,
            "figures": figures,
        }
        print(json.dumps(asked), file=forks.stdin, flush=True)
        code = json.loads(forks.stdout.readline())
        done = subprocess.CompletedProcess(command, code, out.read_text(), err.read_text())
    if code is None:
        raise subprocess.TimeoutExpired(command, seconds, done.stdout, done.stderr)
    assert check is None or code == check, done.stderr
    assert "Traceback" not in done.stderr or "--debug" in command
    return done


def called(command: Callable[..., None], *words: object) -> Result:
    """Call one command within this process; a run draws nothing."""
    with patch("analysis.finish.draw_all", lambda *_, **__: []):
        return CliRunner().invoke(app(command), list(map(str, words)))


def outcome(done: subprocess.CompletedProcess[str] | Result) -> dict[str, Any]:
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return last
