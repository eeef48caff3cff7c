"""Killing runs and resuming them: the command that proves it, and the points inside writes it can kill at."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agents.crash import POINTS, VARIABLE
from tests.command_line import ROOT, outcome, tasteloop

SMALL = """
name: small
days: 1
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 12, max_pages: 1}
behavior: {kind: llm, model: any, decide: structured, fallback: {kind: calibrated, fit_users: 20}}
llm: {any: {kind: scripted}}
recommender: {kind: ease, slate_size: 5}
budget: {fallback_share: 1.0}
"""
PASSED = set(re.findall(r'crash_point\("([\w-]+)"\)', "".join(p.read_text() for p in ROOT.glob("[as]*/**/*.py"))))
needs_points = pytest.mark.skipif(not PASSED, reason="no write has a point to be killed at")


@needs_points
def test_every_point_is_in_the_code() -> None:
    assert set(POINTS) == PASSED


@pytest.mark.parametrize(("at", "survives"), [("here:3", 2), ("here:1", 0), ("there:1", 5), ("", 5)])
def test_a_point_kills_the_process_the_counted_time(at: str, survives: int) -> None:
    code = "from agents.crash import crash_point\nfor n in range(5): crash_point('here'); print(n, flush=True)"
    environment = os.environ | {VARIABLE: at}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.split() == [str(n) for n in range(survives)]
    assert done.returncode == (-signal.SIGKILL if survives < 5 else 0)


@needs_points
@pytest.mark.slow
def test_killed_runs_come_out_as_if_nothing_had_happened(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    told = outcome(tasteloop("chaos", tmp_path / "small.yaml", "--kills", 2 * len(POINTS), "--json"))
    assert told["equal"] == told["kills"] == 2 * len(POINTS)
    assert {*POINTS, "moment"} - {"window"} <= set(told["points"])  # windows are flushed only in a run that takes long
    assert told["killed_twice"] > 0
    assert 0 <= told["asked_again"] <= 64 * 2 * len(POINTS)


def test_a_scenario_that_does_not_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL + "study: {baseline: a, arms: {a: {}}}\n")
    assert "cannot be used" in tasteloop("chaos", tmp_path / "small.yaml", "--kills", 1, check=2).stderr
