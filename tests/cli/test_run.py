"""The engine through the command line: digests, resumption, budgets, refusals."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import ROOT, outcome, tasteloop

SMOKE = ROOT / "scenarios" / "smoke.yaml"
SMALL = ("--set", "days=1", "--set", "users.count=20")


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("reference") / "run"
    return outcome(tasteloop("run", SMOKE, *SMALL, "--seed", 3, "--json", "--out", out, figures=True))


def smoke(out: Path, *words: object) -> dict[str, Any]:
    return outcome(tasteloop("run", SMOKE, *SMALL, "--seed", 3, "--json", "--out", out, *words))


def test_another_seed_gives_another_log(reference: dict[str, Any], tmp_path: Path) -> None:
    other = outcome(tasteloop("run", SMOKE, *SMALL, "--seed", 4, "--json", "--out", tmp_path / "other"))
    assert other["log_digest"] != reference["log_digest"]


def test_a_run_holds_what_it_promises(reference: dict[str, Any]) -> None:
    folder = Path(reference["run"])
    names = {
        "manifest.json",
        "scenario.yaml",
        "scenario.resolved.yaml",
        "metrics.parquet",
        "report.html",
        "log",
        "run.log",
        "plots",
    }
    assert names <= {path.name for path in folder.iterdir()}
    assert len(list((folder / "plots").glob("*.png"))) >= 8
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "finished"
    assert manifest["tables"]["impressions"]["rows"] == manifest["counts"]["impressions"] > 0
    assert manifest["counts"]["llm_decisions"] > 0
    assert {"answers.journal", "scenario.yaml", "log/impressions-00000.parquet"} <= set(manifest["artifacts"])
    for name, digest in manifest["artifacts"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    begun, ended = (folder / "run.log").read_text().splitlines()
    assert "begun: smoke, seed 3" in begun
    assert reference["log_digest"] in ended


def test_the_resolved_scenario_runs_again_identically(reference: dict[str, Any], tmp_path: Path) -> None:
    resolved = Path(reference["run"]) / "scenario.resolved.yaml"
    again = outcome(tasteloop("run", resolved, "--json", "--out", tmp_path / "run"))
    assert again["log_digest"] == reference["log_digest"]


def test_replay_asks_nothing_and_gives_the_same_log(reference: dict[str, Any], tmp_path: Path) -> None:
    again = smoke(tmp_path / "run", "--replay", reference["run"])
    assert again["log_digest"] == reference["log_digest"]
    assert again["calls"]["cached"] == again["calls"]["calls"] > 0


def test_replay_of_another_run_says_what_is_missing(reference: dict[str, Any], tmp_path: Path) -> None:
    done = tasteloop(
        "run", SMOKE, *SMALL, "--seed", 4, "--replay", reference["run"], "--out", tmp_path / "run", check=2
    )
    assert "answers.journal" in done.stderr


@pytest.mark.parametrize(
    "answers_kb", [pytest.param(0.2, marks=pytest.mark.slow), 1.5, pytest.param(3, marks=pytest.mark.slow)]
)
def test_a_killed_run_resumes_to_the_same_log(reference: dict[str, Any], tmp_path: Path, answers_kb: float) -> None:
    out = tmp_path / "run"
    command = [sys.executable, str(ROOT / "run_sim.py"), "run", str(SMOKE), *SMALL, "--seed", "3", "--out", str(out)]
    slow = ["--set", "llm.scripted.latency_s=0.2", "--set", "engine.concurrency=1"]
    process = subprocess.Popen([*command, *slow], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = out / "answers.journal"
    while process.poll() is None and not (journal.exists() and journal.stat().st_size > 1024 * answers_kb):
        time.sleep(0.01)
    process.kill()
    process.wait()
    manifest = out / "manifest.json"
    assert not manifest.exists() or json.loads(manifest.read_text())["status"] == "running"
    assert outcome(tasteloop("resume", out, "--json"))["log_digest"] == reference["log_digest"]


def test_a_budget_stops_resumably(reference: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = tasteloop("run", SMOKE, *SMALL, "--seed", 3, "--out", out, "--budget-tokens", 300, check=5)
    assert "resume" in done.stderr
    assert json.loads((out / "manifest.json").read_text())["status"] == "stopped"
    assert (
        outcome(tasteloop("resume", out, "--budget-tokens", 10**9, "--json"))["log_digest"] == reference["log_digest"]
    )


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_an_interrupted_run_says_how_to_go_on(
    reference: dict[str, Any], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    out = tmp_path / "run"
    command = [sys.executable, str(ROOT / "run_sim.py"), "run", str(SMOKE), *SMALL, "--seed", "3", "--out", str(out)]
    slow = ["--set", "llm.scripted.latency_s=0.2", "--set", "engine.concurrency=1"]
    process = subprocess.Popen(
        [*command, *slow], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    while not list((out / "log").glob("commits.log")):
        time.sleep(0.05)
    time.sleep(0.5)
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "resume" in errors
    assert "Traceback" not in errors
    assert outcome(tasteloop("resume", out, "--json"))["log_digest"] == reference["log_digest"]


def test_lags_agree_where_nothing_shared_changes(tmp_path: Path) -> None:
    frozen = ("--set", "recommender.retrain=never", "--set", "platform.popularity=frozen")
    digests = {
        smoke(tmp_path / f"lag{lag}", *frozen, "--set", f"platform.visibility_lag={lag}")["log_digest"]
        for lag in (0, 1, 2)
    }
    assert len(digests) == 1


def test_a_finished_folder_is_not_written_to(reference: dict[str, Any]) -> None:
    done = tasteloop("run", SMOKE, "--out", reference["run"], check=2)
    assert "not empty" in done.stderr
    assert "finished" in tasteloop("resume", reference["run"], check=2).stderr


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    done = tasteloop("run", SMOKE, *SMALL, "--out", blocker / "run", check=3)
    assert str(blocker) in done.stderr


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    done = tasteloop("run", SMOKE, "--dry-run", "--json", cwd=tmp_path)
    assert outcome(done)["valid"] is True
    assert list(tmp_path.iterdir()) == []


def test_a_study_needs_the_study_command(tmp_path: Path) -> None:
    assert "study" in tasteloop("run", ROOT / "scenarios" / "quickstart.yaml", "--dry-run", check=2).stderr
