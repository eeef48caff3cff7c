"""One scenario, one seed, one log: however many questions are in flight, however long their answers take."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.cli import run
from tests.command_line import ROOT, called, outcome
from tests.stub_server import running

SCENARIO = """
name: digests
days: 1
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 40, max_pages: 2}
behavior:
  kind: mixed
  members: [{kind: llm, share: 0.6, model: asked, decide: structured, fallback: {kind: calibrated, fit_users: 20}},
    {kind: calibrated, fit_users: 20, share: 0.4}]
llm: {asked: {kind: scripted}}
recommender: {kind: ease, slate_size: 5, retrain: 12h}
budget: {fallback_share: 1.0}
"""
CONCURRENCIES = (1, 8, 64, 256)
HASH_SEEDS = ("0", "4711")
CODE = "import sys, analysis.execute as e; e.finish = lambda f, *_, **__: f; import run_sim; sys.exit(run_sim.main())"
"""A command line in a process of its own that leaves out metrics, figures and report."""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("digests") / "digests.yaml"
    path.write_text(SCENARIO)
    return path


def digest(scenario: Path, out: Path, concurrency: int, hash_seed: str, *words: str) -> str:
    command = [sys.executable, "-c", CODE, "run", str(scenario), "--out", str(out), "--json", *words]
    done = subprocess.run(
        [*command, "--set", f"engine.concurrency={concurrency}"],
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = outcome(done)
    assert told["counts"]["llm_decisions"] > 20
    return str(told["log_digest"])


def test_neither_concurrency_nor_latency_changes_the_log(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.execute.finish", lambda folder, *_, **__: folder)
    digests = set()
    for concurrency, latency in zip(CONCURRENCIES, (0.0, 0.02, 0.0, 0.02), strict=True):
        words = ("--set", f"engine.concurrency={concurrency}", "--set", f"llm.asked.latency_s={latency}")
        done = called(run.command, scenario, "--out", tmp_path / str(concurrency), "--json", *words)
        digests.add(outcome(done)["log_digest"])
    digests.add(digest(scenario, tmp_path / "hash", 8, HASH_SEEDS[1]))
    assert len(digests) == 1


@pytest.mark.slow
def test_the_scripted_model_gives_one_log(scenario: Path, tmp_path: Path) -> None:
    digests = {
        digest(
            scenario,
            tmp_path / f"{concurrency}-{latency}-{seed}",
            concurrency,
            seed,
            "--set",
            f"llm.asked.latency_s={latency}",
        )
        for concurrency in CONCURRENCIES
        for latency in (0.0, 0.02)
        for seed in HASH_SEEDS
    }
    assert len(digests) == 1


@pytest.fixture(params=[("constant", 0.005), ("lognormal", 0.03)])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    profile, latency = request.param
    with running(profile=profile, latency=latency) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        yield profile


@pytest.fixture(scope="module")
def seen() -> set[str]:
    """Return the digests of all latency profiles, to be compared across them."""
    return set()


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["sdk", "lean"])
def test_a_server_gives_one_log(scenario: Path, tmp_path: Path, server: str, seen: set[str], transport: str) -> None:
    hosted = ("--llm", f"{{kind: openai, model: any, transport: {transport}}}")
    for concurrency in CONCURRENCIES:
        for seed in HASH_SEEDS:
            seen.add(digest(scenario, tmp_path / f"{concurrency}-{seed}", concurrency, seed, *hosted))
    assert len(seen) == 1
