"""From users who ask a language model to many who do not, through the command line."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.command_line import outcome, tasteloop

TALKING = "{kind: llm, model: scripted, decide: structured, fallback: {kind: calibrated, fit_users: 20}}"
TEACHER = f"""
name: teacher
seed: 1
days: 4
data: {{kind: "synthetic:tiny", min_interactions: 5}}
users: {{count: 12, persona: {{kind: sampled, min_interactions: 5}}}}
behavior: {TALKING}
llm: {{scripted: {{kind: scripted}}}}
recommender: {{kind: popularity}}
budget: {{fallback_share: 0.9}}
"""


MANY = ("--set", "users.count=100", "--set", "days=2", "--json")


def many(tmp_path: Path) -> Path:
    """Record the few, and return the scenario in which they stand for many."""
    scenario, journal = tmp_path / "scenario.yaml", tmp_path / "teacher"
    scenario.write_text(TEACHER)
    tasteloop("run", scenario, "--out", journal)
    behavior = f"{{kind: distilled, journal: {journal}, shadow: 0.2, model: scripted, decide: structured}}"
    scenario.write_text(TEACHER.replace(TALKING, behavior))
    return scenario


def test_a_few_recorded_users_stand_for_many(tmp_path: Path) -> None:
    told = outcome(tasteloop("run", many(tmp_path), *MANY, "--out", tmp_path / "many"))
    assert 0 < told["counts"]["llm_decisions"] < 0.4 * told["counts"]["pages"]
    found = json.loads((tmp_path / "many" / "manifest.json").read_text())["assumptions"]
    assert found["distilled.journal_users"] == 12
    assert found["distilled.shadow_kl_low"] <= found["distilled.shadow_kl"] <= found["distilled.shadow_kl_high"]
    assert abs(found["distilled.shadow_watch_rate"] - found["distilled.shadow_watch_rate_distilled"]) < 0.15
    shown = pd.concat(pd.read_parquet(file) for file in (tmp_path / "many" / "log").glob("impressions-*.parquet"))
    read = shown[shown["action"] != "unseen"]
    rates = (read["action"] == "watch").groupby(read["decided_by"].astype(str)).mean()
    assert abs(rates["distilled"] - rates["llm"]) < 0.15


@pytest.mark.slow
def test_students_in_columns_and_one_by_one_leave_the_same_log(tmp_path: Path) -> None:
    scenario = many(tmp_path)
    runs = {
        columns: outcome(
            tasteloop("run", scenario, *MANY, "--set", f"engine.columns={columns}", "--out", tmp_path / columns)
        )
        for columns in ("true", "false")
    }
    assert runs["true"]["log_digest"] == runs["false"]["log_digest"]


def test_a_shadow_has_to_ask_a_model_that_there_is(tmp_path: Path) -> None:
    scenario = tmp_path / "teacher.yaml"
    behavior = f"{{kind: distilled, journal: {tmp_path}, model: other}}"
    scenario.write_text(TEACHER.replace(TALKING, behavior))
    refused = tasteloop("validate", scenario, check=2)
    assert "'other'" in refused.stderr + refused.stdout
