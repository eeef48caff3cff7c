"""What happens to runs when servers fail, files are damaged, disks are full and folders are taken."""

import json
import logging
import os
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from agents.errors import BudgetExhausted, Degraded, InvalidInput, MissingResource
from analysis.cli import resume, run
from tests.command_line import ROOT, called, outcome, tasteloop
from tests.stub_server import running

SCENARIO = """
name: faults
days: 1
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 24, max_pages: 2}
behavior:
  kind: mixed
  members: [{kind: llm, share: 0.75, model: asked, decide: structured, fallback: {kind: calibrated, fit_users: 20}},
    {kind: calibrated, fit_users: 20, share: 0.25}]
llm: {asked: {kind: scripted}}
recommender: {kind: ease, slate_size: 5, retrain: 12h}
budget: {fallback_share: 0.9}
"""
HOSTED = "{kind: openai, transport: lean, model: any, timeout_s: 0.5}"


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faults") / "faults.yaml"
    path.write_text(SCENARIO)
    return path


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out metrics, figures and report of runs within this process: they are tested elsewhere."""
    monkeypatch.setattr("analysis.execute.finish", lambda folder, *_, **__: folder)


def engine(command: Any, *words: object) -> dict[str, Any]:
    """Call ``run`` or ``resume`` and return what it prints; raise what it raises."""
    done = called(command, *words, "--json")
    if isinstance(done.exception, Exception):
        raise done.exception
    return outcome(done)


def parsed(folder: Path) -> Counter[str]:
    """Return how many answers were of which kind."""
    return Counter(
        status
        for path in sorted((folder / "log").glob("llm_calls-*.parquet"))
        for status in pq.read_table(path)["parse_status"].to_pylist()
    )


# -- servers that fail ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def undisturbed(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    with pytest.MonkeyPatch.context() as patch, running() as url:
        patch.setattr("analysis.execute.finish", lambda folder, *_, **__: folder)
        patch.setenv("OPENAI_BASE_URL", url)
        told = engine(run.command, scenario, "--llm", HOSTED, "--out", out)
    assert told["counts"]["llm_decisions"] > 10
    assert told["counts"]["fallback"] == 0
    return told


@pytest.mark.parametrize(
    "faults",
    [
        "429:0.3,500:0.05,hang:0.02",
        pytest.param("429-bare:0.1,503:0.1,drop:0.15,closing:0.2,half:0.1,chunked:0.1", marks=pytest.mark.slow),
        pytest.param("slow:0.05,html:0.1,empty:0.1,408:0.1", marks=pytest.mark.slow),
        "dead@0.1-3.1",
    ],
)
def test_failing_servers_lose_no_decision_and_change_no_log(
    undisturbed: dict[str, Any], scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: str
) -> None:
    began = time.monotonic()
    with running(faults, latency=0.03) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        told = engine(run.command, scenario, "--llm", HOSTED, "--out", tmp_path / "run")
    if "dead" in faults:  # whether the run or the probes before it met the dead server
        assert time.monotonic() - began > 3
    else:
        assert told["calls"]["attempts"] > told["calls"]["calls"]
    assert (told["fallback_share"], told["calls"]["failed"]) == (0.0, 0)
    assert told["log_digest"] == undisturbed["log_digest"]


def test_bad_answers_are_counted_by_kind_and_repaired(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(
        ",".join(f"{kind}:0.1" for kind in ("malformed", "truncated", "refused", "out_of_slate", "nan"))
    ) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        told = engine(run.command, scenario, "--llm", HOSTED, "--days", 3, "--out", tmp_path / "run")
    kinds = parsed(tmp_path / "run")
    assert {"ok", "not_json", "truncated", "out_of_slate", "off_scale"} == set(kinds)
    assert told["counts"]["repaired"] > 0
    assert told["counts"]["llm_decisions"] == kinds["ok"] + told["counts"]["fallback"]


@pytest.mark.parametrize(
    ("kind", "flaw"),
    [
        ("malformed", "not_json"),
        ("truncated", "truncated"),
        ("out_of_slate", "out_of_slate"),
        ("nan", "off_scale"),
        ("huge", "truncated"),
    ],
)
def test_a_server_that_never_answers_well_leaves_every_decision_to_the_fallback(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, flaw: str
) -> None:
    always = HOSTED.replace("any", kind)
    with running() as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        words = (scenario, "--llm", always, "--days", 0.5, "--out", tmp_path / "run")
        with pytest.raises(Degraded, match="fallback") as caught:
            engine(run.command, *words)
    assert caught.value.exit_code == 4
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert (manifest["status"], manifest["fallback_share"]) == ("finished", 1.0)
    assert set(parsed(tmp_path / "run")) == {flaw}


# -- files that are damaged -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analysis.execute.finish", lambda folder, *_, **__: folder)
        return str(engine(run.command, scenario, "--out", tmp_path_factory.mktemp("whole") / "run")["log_digest"])


@pytest.fixture(scope="module")
def stopped(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.raises(BudgetExhausted):
        engine(run.command, scenario, "--budget-tokens", 2000, "--out", out)
    assert (out / "log" / "commits.log").stat().st_size > 1000
    return out


def go_on(folder: Path) -> dict[str, Any]:
    return engine(resume.command, folder, "--budget-tokens", 10**9)


def flipped(data: bytes, at: float) -> bytes:
    place = int(len(data) * at)
    return data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :]


DAMAGE = {
    "torn": lambda data: data[:-37],
    "flipped early": lambda data: flipped(data, 0.1),
    "flipped late": lambda data: flipped(data, 0.9),
    "foreign": lambda data: b"PK\x03\x04" + bytes(range(256)) * 20,
    "foreign after": lambda data: data + b"\xff" * 1000,
    "nothing": lambda data: b"",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["answers.journal", "log/commits.log"])
def test_damaged_files_cost_questions_but_nothing_else(
    stopped: Path, whole: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, damage: str
) -> None:
    folder = Path(shutil.copytree(stopped, tmp_path / "run"))
    path = folder / name
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        told = go_on(folder)
    assert told["log_digest"] == whole
    if name == "answers.journal" and damage != "nothing":
        assert "asked again" in caplog.text


def test_a_damaged_journal_is_warned_of_in_words(stopped: Path, whole: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(stopped, tmp_path / "run"))
    path = folder / "answers.journal"
    path.write_bytes(flipped(path.read_bytes(), 0.5))
    done = tasteloop("resume", folder, "--budget-tokens", 10**9, "--json")
    assert "answers.journal is damaged after" in done.stderr
    assert "answers.journal is damaged after" in (folder / "run.log").read_text()
    assert outcome(done)["log_digest"] == whole


# -- disks and folders ----------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [pytest.param(2_500, marks=pytest.mark.slow), 9_000])
def test_a_full_disk_is_named_and_loses_nothing(scenario: Path, whole: str, tmp_path: Path, most: int) -> None:
    out = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, str(ROOT / "run_sim.py"), "run", str(scenario), "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
    )
    assert (done.returncode, "Traceback" in done.stderr) == (3, False), done.stderr
    assert "cannot write" in done.stderr
    assert "make room" in done.stderr
    again = go_on(out) if out.exists() else engine(run.command, scenario, "--out", out)
    assert again["log_digest"] == whole


@pytest.mark.parametrize("place", ["/sys/tasteloop", "/dev/null/run"])
def test_a_place_that_cannot_be_written_is_named(scenario: Path, place: str) -> None:
    with pytest.raises(MissingResource, match=place) as caught:
        engine(run.command, scenario, "--out", place)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("talks", [pytest.param(True, marks=pytest.mark.slow), False])
def test_a_second_process_is_refused_and_disturbs_nothing(scenario: Path, tmp_path: Path, talks: bool) -> None:
    out = tmp_path / "run"
    quick = ["--set", "behavior={kind: calibrated, fit_users: 20}", "--days", "30"]
    slow = ["--set", "llm.asked.latency_s=0.2"] if talks else quick
    command = [sys.executable, str(ROOT / "run_sim.py"), "run", str(scenario), *slow, "--out", str(out), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as first:
        while not (out / "manifest.json").exists():
            time.sleep(0.01)
        with pytest.raises(InvalidInput, match="another process"):
            engine(resume.command, out)
        assert first.poll() is None
        told = json.loads(first.communicate()[0])
    assert told["status"] == "finished"


def test_a_run_is_resumed_only_as_it_was_begun(stopped: Path, whole: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(stopped, tmp_path / "run"))
    path = folder / "scenario.resolved.yaml"
    before = path.read_text()
    path.write_text(before.replace("seed: 0", "seed: 1"))
    with pytest.raises(InvalidInput, match="another scenario"):
        engine(resume.command, folder)
    path.write_text(before)
    assert go_on(folder)["log_digest"] == whole


def test_a_run_killed_while_it_was_measured_is_reported_when_resumed(scenario: Path, tmp_path: Path) -> None:
    told = engine(run.command, scenario, "--days", 0.5, "--out", tmp_path / "run")
    assert not (tmp_path / "run" / "report.html").exists()
    again = outcome(tasteloop("resume", tmp_path / "run", "--json"))
    assert again["log_digest"] == told["log_digest"]
    assert Path(again["report"]).is_file()
    assert "finished" in tasteloop("resume", tmp_path / "run", check=2).stderr


# -- secrets --------------------------------------------------------------------------------------------


def test_a_key_is_found_nowhere(scenario: Path, tmp_path: Path) -> None:
    key = "planted-key-0123456789"
    words = [sys.executable, str(ROOT / "run_sim.py"), "run", str(scenario), "--llm", HOSTED, "--days", "0.5"]
    for name, expected, code in (("right", key, 0), ("wrong", "another", 3)):
        out = tmp_path / name
        with running(key=expected) as url:
            environment = os.environ | {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": url}
            command = [*words, "--out", str(out)]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert key not in done.stdout + done.stderr
        assert not any(key.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "OPENAI_API_KEY" in done.stderr
    assert (tmp_path / "right" / "report.html").is_file()
