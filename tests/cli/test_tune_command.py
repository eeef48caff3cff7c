"""``tune`` and what comes of it, through the command line."""

import json
from pathlib import Path

import pytest

from agents.errors import MissingResource
from simulator.cli import tune
from tests.agents.llm.tiny import save
from tests.command_line import called, outcome, tasteloop

SCENARIO = """
name: tuned
seed: 1
days: 1
data: {{kind: "synthetic:tiny", min_interactions: 5}}
users: {{count: 3, persona: {{kind: from_history}}, max_pages: 1}}
behavior: {{kind: llm, model: local, decide: likelihood, calibration_slates: 2}}
llm: {{local: {{kind: transformers, model: {model}, adapter: {adapter}}}}}
recommender: {{kind: popularity, slate_size: 3}}
"""


@pytest.mark.slow
def test_tuning_writes_an_adapter_that_a_run_can_use(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    model, adapter = save(tmp_path / "tiny"), tmp_path / "adapter"
    words = ("tune", "--data", "synthetic:tiny", "--model", model, "--out", adapter, "--steps", 4, "--json")
    told = outcome(tasteloop(*words))
    assert told == json.loads((adapter / "tune.json").read_text())
    assert told["recipe"]["steps"] == len((adapter / "losses.jsonl").read_text().splitlines()) == 4
    for name in ("untuned", "tuned", "gain"):
        figure = told["auc"][name]
        assert figure["low"] <= figure["value"] <= figure["high"]
    gain = told["auc"]["tuned"]["value"] - told["auc"]["untuned"]["value"]
    assert told["auc"]["gain"]["value"] == pytest.approx(gain)
    refused = tasteloop(*words, check=2)
    assert "holds an adapter already" in refused.stderr
    scenario = tmp_path / "tuned.yaml"
    scenario.write_text(SCENARIO.format(model=model, adapter=adapter))
    run = outcome(tasteloop("run", scenario, "--out", tmp_path / "run", "--json"))
    assert run["counts"]["llm_decisions"] > 0
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert " adapter " in manifest["llm"]["local"]


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tune, "find_spec", lambda name: None)
    done = called(tune.command, "--out", tmp_path / "adapter")
    assert isinstance(done.exception, MissingResource)
    assert "pip install" in str(done.exception)
    assert not (tmp_path / "adapter").exists()
