"""Interviews through the command line: a user answers from its own memory, and the run stays as it is."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from analysis.cli.interview import remembered
from simulator.scenario_file import read
from tests.command_line import ROOT, tasteloop

SMALL = ("--set", "days=1", "--set", "users.count=20", "--seed", "3")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("interview") / "run"
    tasteloop("run", ROOT / "scenarios" / "smoke.yaml", *SMALL, "--out", out)
    return out


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def watched(run: Path) -> pd.DataFrame:
    shown = pd.concat([pd.read_parquet(path) for path in sorted((run / "log").glob("impressions-*.parquet"))])
    items = pd.concat([pd.read_parquet(path) for path in sorted((run / "log").glob("items-*.parquet"))])
    return shown[shown["action"] == "watch"].merge(items[["item_id", "title"]], on="item_id")


def test_questions_are_answered_and_nothing_changes(run: Path) -> None:
    before = contents(run)
    done = tasteloop("interview", run, "--user", 2, "--ask", "What did you like?", "--ask", "Why?", "--json")
    turns = [json.loads(line) for line in done.stdout.splitlines()]
    assert [turn["question"] for turn in turns] == ["What did you like?", "Why?"]
    assert all(turn["answer"] for turn in turns)
    assert contents(run) == before


def test_a_user_remembers_what_it_watched_and_nobody_elses(run: Path) -> None:
    taken = watched(run)
    user = int(taken["user_id"].iloc[0])
    scenario = read(run / "scenario.resolved.yaml", [])
    told = "\n".join(message.text for message in remembered(run, scenario, user))
    own = set(taken[taken["user_id"] == user]["title"])
    assert all(f"watched {title}" in told for title in own)
    others = set(taken["title"]) - own
    assert others
    assert not any(f"watched {title}" in told for title in others)


def test_a_run_of_rules_needs_a_voice(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "name: rules\ndays: 1\ndata: {kind: 'synthetic:tiny', min_interactions: 5}\nusers: {count: 10}\n"
        "behavior: {kind: uniform}\nrecommender: {kind: random}\n"
    )
    tasteloop("run", rules, "--out", tmp_path / "run")
    done = tasteloop("interview", tmp_path / "run", "--user", 0, "--ask", "Well?", check=2)
    assert "--llm" in done.stderr
    assert tasteloop("interview", tmp_path / "run", "--user", 0, "--ask", "Well?", "--llm", "scripted").stdout.strip()


@pytest.mark.parametrize(("words", "said"), [(("--user", 20), "users 0 to 19"), (("--user", -1), "users 0 to 19")])
def test_a_user_that_is_not_there_is_named(run: Path, words: tuple[object, ...], said: str) -> None:
    assert said in tasteloop("interview", run, *words, "--ask", "hm?", check=2).stderr


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    assert "no run folder" in tasteloop("interview", tmp_path, "--user", 0, "--ask", "hm?", check=2).stderr
