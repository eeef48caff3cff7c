"""Recommenders that ask a language model, through the command line: journal, replay, resumption, budget, evaluation."""

import json
from pathlib import Path
from typing import Any

import pytest

from agents.errors import BudgetExhausted, InvalidInput
from agents.llm.journal import Journal
from analysis.cli import evaluate, replay, resume, run
from analysis.load import load
from simulator.cli import estimate, validate
from tests.command_line import called, outcome

SCENARIO = """
name: voices
days: 2
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 20, max_pages: 2}
behavior: {kind: affinity}
llm: {reader: {kind: scripted}}
recommender:
  kind: fallback
  inner: {kind: llm_rank, inner: {kind: item_knn}, model: reader, candidates: 8, rounds: 2}
  slate_size: 5
  retrain: 1d
"""


@pytest.fixture(autouse=True)
def without_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("analysis.execute.finish", lambda folder, *_, **__: folder)
    monkeypatch.setenv("TASTELOOP_HOME", str(tmp_path / "home"))


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "voices.yaml"
    path.write_text(SCENARIO)
    return path


def manifest(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return content


def test_answers_are_journaled_and_a_replay_asks_nothing(scenario: Path, tmp_path: Path) -> None:
    one, two = (outcome(called(run.command, scenario, "--out", tmp_path / name, "--json")) for name in ("one", "two"))
    assert one["log_digest"] == two["log_digest"]
    asked = manifest(tmp_path / "one")["slates"]["questions"]
    assert one["calls"]["calls"] == asked == 2 * one["counts"]["pages"] > 0
    assert one["tokens"]["out"] > 0
    rows = load(tmp_path / "one").llm_calls
    assert (rows["purpose"] == "rank").all()
    assert len(rows) == asked
    assert rows["tokens_out"].sum() == one["tokens"]["out"]
    with Journal(tmp_path / "one" / "answers.journal", read_only=True) as answers:
        assert len(answers) == asked - one["calls"]["cached"] + 1  # what the model can do is recorded too
    again = outcome(called(replay.command, tmp_path / "one", "--out", tmp_path / "again", "--json"))
    assert again["log_digest"] == one["log_digest"]
    assert again["calls"]["cached"] == again["calls"]["calls"] == asked
    assert outcome(called(replay.command, tmp_path / "one", "--verify", "--json"))["equal"]


def test_what_a_model_says_changes_what_is_shown(scenario: Path, tmp_path: Path) -> None:
    one = outcome(called(run.command, scenario, "--out", tmp_path / "one", "--json"))
    other = outcome(called(run.command, scenario, "--out", tmp_path / "two", "--json", "--set", "llm.reader.seed=1"))
    assert one["log_digest"] != other["log_digest"]


def test_its_tokens_count_against_the_budget_and_the_run_goes_on_where_it_stopped(
    scenario: Path, tmp_path: Path
) -> None:
    whole = outcome(called(run.command, scenario, "--out", tmp_path / "whole", "--json"))
    stopped = called(run.command, scenario, "--out", tmp_path / "run", "--budget-tokens", whole["tokens"]["in"] // 3)
    assert isinstance(stopped.exception, BudgetExhausted)
    resumed = outcome(called(resume.command, tmp_path / "run", "--budget-tokens", 10**9, "--json"))
    assert resumed["log_digest"] == whole["log_digest"]
    assert resumed["calls"]["cached"] > 0
    assert manifest(tmp_path / "run")["slates"] == manifest(tmp_path / "whole")["slates"]


def test_a_name_that_the_llm_section_lacks_is_found_before_anything_runs(scenario: Path) -> None:
    scenario.write_text(SCENARIO.replace("model: reader", "model: raeder"))
    done = called(validate.command, scenario)
    assert done.exit_code == 2
    assert "recommender.inner.model: unknown language model of the llm section 'raeder'" in done.output


def test_evaluate_lends_a_model_and_asks_it_once(tmp_path: Path) -> None:
    words = ("--recommender", "{kind: llm_generate, inner: item_knn}", "--data", "synthetic:tiny", "--users", 20)
    words = (*words, "--llm", "scripted", "--seeds", 1, "--json")
    first = outcome(called(evaluate.command, *words))
    assert first["users"] == 20
    assert first["rows"][0]["diagnostics"]["questions"] == 20
    path = tmp_path / "home" / "evaluate" / "synthetic-tiny.journal"
    size = path.stat().st_size
    again = outcome(called(evaluate.command, *words))
    assert path.stat().st_size == size
    assert again["rows"][0]["recall@10"] == first["rows"][0]["recall@10"]
    alone = called(evaluate.command, *words[:-5], "--seeds", 1)
    assert isinstance(alone.exception, InvalidInput)
    assert "--llm" in str(alone.exception)


def test_an_estimate_counts_what_a_recommender_asks(scenario: Path, tmp_path: Path) -> None:
    told = outcome(called(estimate.command, scenario, "--json"))
    (reader,) = told["models"]
    assert reader["questions"] == 2 * told["pages"]
    asked = outcome(called(run.command, scenario, "--out", tmp_path / "one", "--json"))["tokens"]["in"]
    assert reader["tokens_in"] > asked / 3, "of the right size"
