"""Levers through the command line: runs, studies, resumption, evaluation, and what fits what."""

import json
from pathlib import Path

import pytest

from agents.errors import Interrupted
from analysis.cli import evaluate, study
from analysis.cli import list as list_
from simulator import checkpoint
from simulator.cli import validate
from simulator.run import budget_of, models, run
from simulator.scenario_file import read
from simulator.scenario_page import markdown
from simulator.scenario_schema import json_schema
from tests.command_line import called, outcome, tasteloop

SCENARIO = """
name: levered
seed: 5
days: 1
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 25}
behavior: {kind: uniform}
platform: {window: 1h}
recommender:
  kind: item_knn
  slate_size: 5
  retrain: 8h
  levers:
    - {kind: mmr, strength: 0.3}
    - {kind: exploration, strength: 0.2}
"""
STUDY = """
study:
  baseline: nothing
  arms:
    nothing: {recommender: {levers: [{kind: mmr, strength: 0}, {kind: exploration, strength: 0}]}}
    both: {}
"""


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out metrics, figures and reports, and cells in processes of their own; fits are made ahead in one."""
    monkeypatch.setattr("analysis.execute.finish", lambda folder, *_, **__: folder)
    monkeypatch.setattr("analysis.execute.measure_run", lambda _: None)
    monkeypatch.setattr("simulator.study.cores", lambda _: 1)


def played(folder: Path, *sets: str, stop_after: int | None = None) -> str:
    """Run the scenario in this process and return the digest of its log."""
    folder.parent.mkdir(exist_ok=True)
    (folder.parent / "levered.yaml").write_text(SCENARIO)
    scenario, commits = read(folder.parent / "levered.yaml", sets), iter(range(10**6))
    with models(scenario, folder.parent / "journal") as dispatcher:
        stop = lambda: stop_after is not None and next(commits) >= stop_after  # noqa: E731
        return str(run(scenario, folder, dispatcher, budget_of(scenario), stop=stop)["log_digest"])


def test_an_arm_of_levers_is_the_run_of_its_levers_and_strength_zero_is_no_lever(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(SCENARIO + STUDY)
    done = called(study.command, tmp_path / "study.yaml", "--out", tmp_path / "out", "--json")
    digests = {cell["arm"]: cell["log_digest"] for cell in outcome(done)["cells"]}
    assert digests["both"] == played(tmp_path / "both")
    assert digests["nothing"] == played(tmp_path / "nothing", "recommender.levers=[]")
    assert digests["both"] != digests["nothing"]
    manifest = json.loads((tmp_path / "out/cells/both-s5/manifest.json").read_text())
    assert [lever["kind"] for lever in manifest["recommender"]["levers"]] == ["mmr", "exploration"]


def test_a_stopped_run_goes_on_with_its_levers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = played(tmp_path / "whole")
    monkeypatch.setattr(checkpoint, "LEAST_S", 0.0)
    monkeypatch.setattr(checkpoint, "REST", 0.0)
    with pytest.raises(Interrupted):
        played(tmp_path / "stopped", stop_after=12)
    assert (tmp_path / "stopped/checkpoints/columns.npz").exists()
    assert played(tmp_path / "stopped") == whole


def test_validate_says_which_lever_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(SCENARIO.replace("{kind: mmr, strength: 0.3}", "{kind: sdpo, strength: 0.3}"))
    done = tasteloop("validate", path, check=2)
    assert f"{path}:14:7: recommender.levers.0: sdpo: ItemKnn has no 'objective' to set" in done.stderr
    path.write_text(SCENARIO.replace("strength: 0.3", "strenth: 0.3"))
    assert "did you mean 'strength'" in called(validate.command, path).output
    arm = "nothing: {recommender: {kind: ease, levers: [{kind: d3, strength: 1}]}}\n"
    path.write_text(SCENARIO + STUDY.partition("nothing: {")[0] + arm)
    said = "study.arms.nothing.recommender.levers.0: d3: Ease has no 'ghosts' to set"
    assert said in called(validate.command, path).output


def test_recommenders_are_evaluated_with_their_levers() -> None:
    asked = ["item_knn", "{kind: item_knn, levers: [{kind: logit_adjustment, strength: .3}]}"]
    options = [word for name in asked for word in ("--recommender", name)]
    done = called(evaluate.command, "--data", "synthetic:tiny", "--seeds", "1", *options, "--json")
    plain, adjusted = outcome(done)["rows"]
    assert adjusted["arp"] < plain["arp"]
    assert adjusted["spec"]["levers"] == [{"kind": "logit_adjustment", "strength": 0.3, "pool": 100}]


def test_levers_are_listed_and_described() -> None:
    found = outcome(called(list_.command, "levers", "--json"))["levers"]
    assert {"mmr", "calibrated", "exploration", "sdpo"} <= set(found)
    case = next(case["then"] for case in json_schema()["definitions"]["levers"]["allOf"] if "mmr" in str(case["if"]))
    assert "likeness" in case["properties"]["strength"]["description"]
    assert case["required"] == ["strength"]
    assert "### `exposure_cap`" in markdown()
