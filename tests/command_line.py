"""The command line in tests: as a process of its own, or one command's function as an application."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from click.testing import Result
from typer.testing import CliRunner

ROOT = Path(__file__).parents[1]


def app(command: Callable[..., None]) -> typer.Typer:
    alone = typer.Typer()
    alone.command()(command)
    return alone


def tasteloop(*words: object, check: int | None = 0, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "run_sim.py"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300, check=False)
    assert check is None or done.returncode == check, done.stderr
    assert "Traceback" not in done.stderr
    return done


def called(command: Callable[..., None], *words: object) -> Result:
    """Call one command within this process: a second or two less than a process of its own."""
    return CliRunner().invoke(app(command), list(map(str, words)))


def outcome(done: subprocess.CompletedProcess[str] | Result) -> dict[str, Any]:
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return last
