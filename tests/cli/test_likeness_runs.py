"""Users who choose by how a language model reads titles, through the command line."""

import json
from pathlib import Path

from tests.command_line import ROOT, outcome, tasteloop

BEHAVIOR = "behavior={kind: llm, model: scripted, decide: likeness, calibration_slates: 20}"
SMALL = ("--set", "days=1", "--set", "users.count=12", "--set", BEHAVIOR, "--json")


def test_a_run_of_such_users_replays_without_a_question(tmp_path: Path) -> None:
    smoke = ROOT / "scenarios" / "smoke.yaml"
    asked = outcome(tasteloop("run", smoke, *SMALL, "--set", "engine.concurrency=1", "--out", tmp_path / "asked"))
    assert asked["counts"]["llm_decisions"] == asked["counts"]["pages"] > 0
    assert asked["counts"]["fallback"] == 0
    replayed = outcome(tasteloop("run", smoke, *SMALL, "--replay", tmp_path / "asked", "--out", tmp_path / "replayed"))
    assert replayed["log_digest"] == asked["log_digest"]
    calls = replayed["calls"]
    assert calls["attempts"] == 0
    assert calls["cached"] == calls["calls"]
    manifest = json.loads((tmp_path / "asked" / "manifest.json").read_text())
    assert "likeness" in json.dumps(manifest)
