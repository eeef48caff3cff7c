"""Replaying finished runs and studies from their recorded answers, and what it says when they do not match."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agents.errors import GateFailed, InvalidInput
from agents.llm.journal import Journal
from analysis.cli import replay, study
from tests.command_line import ROOT, called, outcome, tasteloop

SMOKE = ROOT / "scenarios" / "smoke.yaml"
STUDY = """
name: two
days: 1
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 8, max_pages: 1}
behavior: {kind: llm, model: scripted, decide: structured, fallback: {kind: calibrated, fit_users: 20}}
llm: {scripted: {kind: scripted}}
recommender: {slate_size: 5}
budget: {fallback_share: 1.0}
study:
  baseline: random
  arms: {random: {recommender: {kind: random}}, ease: {recommender: {kind: ease}}}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("replay") / "run"
    tasteloop("run", SMOKE, "--days", 1, "--agents", 20, "--seed", 3, "--out", out)
    return out


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def differing(run: Path) -> dict[str, Any]:
    done = called(replay.command, run, "--verify", "--json")
    assert isinstance(done.exception, GateFailed)
    assert "do not give the recorded log" in str(done.exception)
    return {name: table["first"] for name, table in outcome(done)["tables"].items() if not table["equal"]}


def test_a_finished_run_is_verified_and_left_alone(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    verified = outcome(tasteloop("replay", finished, "--verify", "--json"))
    assert verified["equal"] is True
    assert verified["log_digest"] == verified["replayed_digest"]
    assert verified["tables"]["impressions"]["rows"] > 0
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before


def test_without_verify_the_second_run_is_kept(finished: Path, tmp_path: Path) -> None:
    again = outcome(tasteloop("replay", finished, "--out", tmp_path / "again", "--json"))
    assert again["log_digest"] == json.loads((finished / "manifest.json").read_text())["log_digest"]
    assert again["calls"]["cached"] == again["calls"]["calls"] > 0
    assert Path(again["report"]).is_file()


def refused(error: type[Exception], *words: object) -> BaseException | None:
    done = called(replay.command, *words)
    assert isinstance(done.exception, error)
    return done.exception


def change(run: Path, place: int) -> None:
    """Put another answer in place of the recorded one to a question, counted in the order of the log."""
    call = pq.read_table(run / "log" / "llm_calls-00000.parquet")["call_id"][place].as_py()
    with Journal(run / "answers.journal") as answers:
        answer = answers.get(call)
        assert answer is not None
        answers.append(call, "choose", replace(answer, text='{"watch": [], "leave": "tired", "reason": "no"}'))


def test_a_changed_answer_is_found_with_its_window(copy: Path) -> None:
    change(copy, -1)  # nothing is asked after the last one
    first = differing(copy)
    assert "impressions" in first
    assert "(window " in first["impressions"]


def test_a_failed_verification_ends_with_six(copy: Path) -> None:
    change(copy, 0)
    assert str(copy) in tasteloop("replay", copy, "--verify", check=6).stderr


def test_a_changed_row_on_disk_is_found(copy: Path) -> None:
    path = copy / "log" / "sessions-00000.parquet"
    table = pq.read_table(path)
    pages = table["pages"].to_pylist()
    pages[4] += 1
    place = table.schema.get_field_index("pages")
    pq.write_table(table.set_column(place, "pages", pa.array(pages)), path)
    first = differing(copy)
    assert set(first) == {"sessions"}
    assert first["sessions"].startswith("row 4 (window ")
    assert f"pages {pages[4]} is {pages[4] - 1}" in first["sessions"]


def test_lost_rows_are_found(copy: Path) -> None:
    path = copy / "log" / "users-00000.parquet"
    pq.write_table(pq.read_table(path).slice(0, 17), path)
    assert differing(copy) == {"users": "row 17: only the log executed again goes on"}


def test_a_lost_answer_is_named(copy: Path) -> None:
    whole = (copy / "answers.journal").read_bytes()
    (copy / "answers.journal").write_bytes(whole[:-100])
    assert "has no answer" in str(refused(GateFailed, copy, "--verify"))


def test_a_study_and_its_cells_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "two.yaml").write_text(STUDY)
    monkeypatch.setattr("analysis.execute.finish", lambda folder, _progress, **_: folder)
    called(study.command, tmp_path / "two.yaml", "--out", tmp_path / "out")
    whole = outcome(called(replay.command, tmp_path / "out", "--verify", "--json"))
    assert whole["equal"] is True
    assert [Path(cell["run"]).name for cell in whole["cells"]] == ["random-s0", "ease-s0"]
    cell = outcome(called(replay.command, tmp_path / "out" / "cells" / "ease-s0", "--verify", "--json"))
    assert (cell["equal"], cell["log_digest"]) == (True, whole["cells"][1]["log_digest"])


def test_what_cannot_be_replayed_is_refused(copy: Path, tmp_path: Path) -> None:
    assert "not a run folder" in str(refused(InvalidInput, tmp_path, "--verify"))
    assert "--out" in str(refused(InvalidInput, copy, "--verify", "--out", tmp_path / "x"))
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"status": "stopped"}))
    assert "resume" in str(refused(InvalidInput, copy, "--verify"))
