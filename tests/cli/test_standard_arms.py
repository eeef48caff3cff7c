"""The arms every study is compared with, one key away."""

import json
from pathlib import Path

import pytest

from analysis.cli import study
from simulator.cli import validate
from simulator.scenario_file import expand, read, resolved
from tests.command_line import called, outcome

SCENARIO = """
name: standard
seed: 5
days: 1
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 25}
behavior: {kind: calibrated, fit_users: 60}
recommender: {kind: ease, slate_size: 5, retrain: 8h, levers: [{kind: mmr, strength: 0.3}]}
study:
  baseline: random
  arms: {ease: {}}
  standard_arms: [random, most_popular, no_recommender, oracle]
"""
TALKING = """behavior: {kind: mixed, members: [{kind: calibrated, fit_users: 20},
  {kind: llm, model: asked, fallback: {kind: calibrated, fit_users: 20}}]}
llm: {asked: {kind: scripted}}
"""


def written(folder: Path, text: str = SCENARIO) -> Path:
    (folder / "standard.yaml").write_text(text)
    return folder / "standard.yaml"


def test_they_run_beside_the_others_with_slates_of_the_same_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.execute.finish", lambda folder, *_, **__: folder)
    monkeypatch.setattr("analysis.execute.measure_run", lambda _: None)
    monkeypatch.setattr("simulator.study.cores", lambda _: 1)
    done = called(study.command, written(tmp_path), "--out", tmp_path / "out", "--json")
    digests = {cell["arm"]: cell["log_digest"] for cell in outcome(done)["cells"]}
    assert list(digests) == ["ease", "random", "most_popular", "no_recommender", "oracle"]
    assert len(set(digests.values())) == 5
    content = json.loads((tmp_path / "out/study.json").read_text())
    assert (content["baseline"], list(content["arms"])) == ("random", list(digests))
    kinds = {"random": "random", "most_popular": "popularity", "no_recommender": "no_recommender", "oracle": "oracle"}
    for arm, kind in kinds.items():
        manifest = json.loads((tmp_path / f"out/cells/{arm}-s5/manifest.json").read_text())
        assert manifest["recommender"] == {"kind": kind}, "the file's lever is not theirs"
        assert manifest["counts"]["impressions"] > 0


def test_all_but_the_recommender_is_as_in_the_file(tmp_path: Path) -> None:
    scenario = read(written(tmp_path))
    arms = {part.arm: part.scenario.recommender for part in expand(scenario)}
    assert {section.slate_size for section in arms.values()} == {5}
    assert {section.retrain for section in arms.values()} == {480.0}
    (tmp_path / "again.yaml").write_text(resolved(scenario))
    assert read(tmp_path / "again.yaml").study == scenario.study


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("most_popular, ", "popular, ", "study.standard_arms.1"),
        ("baseline: random", "baseline: nobody", "'nobody' is no arm; the arms are: ease, random, most_popular"),
        ("arms: {ease: {}}", "arms: {random: {}}", "random is a standard arm; give yours another name"),
        ("  arms: {ease: {}}\n  standard_arms: [random, most_popular, no_recommender, oracle]\n", "", "names no arm"),
        (
            "behavior: {kind: calibrated, fit_users: 60}\n",
            TALKING,
            "study.standard_arms.3: an oracle ranks by what users really want, and behavior llm cannot say it",
        ),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, before: str, after: str, said: str) -> None:
    assert before in SCENARIO
    done = called(validate.command, written(tmp_path, SCENARIO.replace(before, after)))
    assert done.exit_code == 2
    assert said in done.output


def test_a_grid_cannot_vary_what_standard_arms_fix_and_hypotheses_may_name_them(tmp_path: Path) -> None:
    said = "study.grid.recommender.kind: arm random has a value of its own for it"
    path = written(tmp_path, SCENARIO + "  grid: {recommender.kind: [ease, popularity]}\n")
    assert said in called(validate.command, path).output
    expected = "{claim: wins, metric: view_ratio, arm: oracle, against: most_popular, expect: more, on: user}"
    path = written(tmp_path, SCENARIO + f"  grid: {{choice.rho: [0.2, 0.8]}}\n  hypotheses: [{expected}]\n")
    assert called(validate.command, path).exit_code == 0
    assert len(expand(read(path))) == 10
