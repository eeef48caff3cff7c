"""A recommender that knows what users want: it wins, is replayed and resumed, and is refused where nobody can say."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from agents.behaviors.uniform import Uniform
from agents.errors import Interrupted, InvalidInput
from analysis.cli import evaluate, replay
from analysis.cli import run as run_command
from simulator.cast import Cast, gather
from simulator.run import budget_of, models, run
from simulator.scenario_file import read
from tests.command_line import called, outcome, tasteloop

SCENARIO = """
name: bound
seed: 5
days: 2
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 30}
recommender: {kind: oracle, slate_size: 5, retrain: 1d}
behavior: {kind: calibrated, fit_users: 60}
"""
LLM = """behavior: {kind: mixed, members: [{kind: calibrated, fit_users: 20},
  {kind: llm, model: asked, fallback: {kind: calibrated, fit_users: 20}}]}
llm: {asked: {kind: scripted}}
"""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("oracle") / "bound.yaml"
    path.write_text(SCENARIO)
    return path


@pytest.fixture(scope="module")
def cast(scenario: Path) -> Cast:
    with models(read(scenario), Path()) as dispatcher:
        return gather(read(scenario), dispatcher)


def ran(scenario: Path, out: Path, cast: Cast, kind: str, **options: Any) -> dict[str, Any]:
    wanted = read(scenario, [f"recommender.kind={kind}"])
    with models(wanted, out / "answers.journal") as dispatcher:
        return run(wanted, out, dispatcher, budget_of(wanted), cast=cast, **options)


def watch_rate(folder: Path) -> float:
    shown = pd.concat(map(pd.read_parquet, sorted((folder / "log").glob("impressions-*.parquet"))))
    return float((shown["action"] == "watch").sum() / (shown["action"] != "unseen").sum())


def test_the_oracle_beats_every_other_arm(scenario: Path, cast: Cast, tmp_path: Path) -> None:
    kinds = ("oracle", "random", "popularity", "ease", "item_knn", "ials")
    for kind in kinds:
        ran(scenario, tmp_path / kind, cast, kind)
    rates = {kind: watch_rate(tmp_path / kind) for kind in kinds}
    others = [rate for kind, rate in rates.items() if kind != "oracle"]
    assert rates["oracle"] > 1.2 * max(others), rates


def test_it_runs_by_command_line_and_its_replay_is_verified(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.execute.finish", lambda folder, *_, **__: folder)
    done = called(run_command.command, scenario, "--out", tmp_path / "run", "--json")
    assert done.exit_code == 0, done.exception
    verified = outcome(called(replay.command, tmp_path / "run", "--verify", "--json"))
    assert verified["equal"] is True
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["recommender"] == {"kind": "oracle"}


def test_a_stopped_run_with_an_oracle_inside_goes_on(scenario: Path, cast: Cast, tmp_path: Path) -> None:
    text = scenario.read_text().replace("kind: oracle", "kind: fallback, inner: {kind: oracle}")
    nested = tmp_path / "nested.yaml"
    nested.write_text(text)
    commits = iter(range(10**6))
    with pytest.raises(Interrupted):
        ran(nested, tmp_path / "run", cast, "fallback", stop=lambda: next(commits) == 120)
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["status"] == "stopped"
    resumed = ran(nested, tmp_path / "run", cast, "fallback")
    assert resumed["log_digest"] == ran(nested, tmp_path / "straight", cast, "fallback")["log_digest"]


def test_users_who_cannot_say_what_they_want_are_refused_before_the_start(tmp_path: Path) -> None:
    path = tmp_path / "bound.yaml"
    path.write_text(SCENARIO.replace("behavior: {kind: calibrated, fit_users: 60}\n", LLM))
    done = tasteloop("run", path, "--out", tmp_path / "run", check=2)
    assert f"{path}:7:21: recommender.kind: an oracle ranks by what users really want, and behavior llm" in done.stderr
    assert "{kind: calibrated}" in done.stderr
    assert not (tmp_path / "run").exists()


def test_there_is_nobody_to_ask_offline() -> None:
    done = called(evaluate.command, "--data", "synthetic:tiny", "--seeds", 1, "--recommender", "oracle")
    assert isinstance(done.exception, InvalidInput)
    assert "use it in a run or a study" in str(done.exception)


def test_a_world_refuses_such_users_itself(scenario: Path, cast: Cast, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="behavior uniform"):
        ran(scenario, tmp_path / "run", replace(cast, behaviors=(Uniform(),)), "oracle")
