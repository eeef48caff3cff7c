"""Users who look back: what they conclude is remembered, whoever is asked when, and no failure loses a page."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from agents.cohort import VISITS
from agents.errors import Interrupted, InvalidInput
from agents.llm.base import Answer, Kind, Prompt
from agents.llm.scripted import Scripted
from analysis.cli import run
from tests.command_line import called, outcome
from tests.simulator.execution.test_local import TALKING, played, tables

EVERY = ("days=4", "users.sessions_per_day=2", "users.memory.reflect_every=3")


@dataclass
class Speechless(Scripted):
    """Fail whenever free text is asked for."""

    async def ask(self, prompt: Prompt) -> Answer:
        if prompt.kind == "text":
            return Answer(status="failed", error="speechless")
        return await super().ask(prompt)


@dataclass
class Terse(Scripted):
    """Answer no free text at all."""

    @property
    def kinds(self) -> frozenset[Kind]:
        return frozenset(("structured",))


def test_insights_are_asked_for_kept_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.execute.finish", lambda folder, *_, **__: folder)
    (tmp_path / "s.yaml").write_text(TALKING)
    words = [word for key in EVERY for word in ("--set", key)]
    done = called(run.command, str(tmp_path / "s.yaml"), "--out", str(tmp_path / "run"), "--json", *words)
    counts = outcome(done)["counts"]
    log = tables(tmp_path / "run")
    memory = log["memory"]
    insights = memory[memory["operation"] == "reflect"]
    asked = log["llm_calls"].query("purpose == 'reflect'")
    assert counts["reflections"] == len(asked) == len(insights) > 10
    assert counts["reflections_failed"] == 0
    assert insights["text"].str.contains("It felt").all()
    told = memory[memory["operation"] == "recall"].groupby(["user_id", "now"])["text"].last()
    for insight in insights.itertuples():
        assert insight.text in told[insight.user_id, insight.now]
    pages = log["impressions"].drop_duplicates(["user_id", "now"])
    reflected = pages.merge(insights[["user_id", "now"]], on=["user_id", "now"])
    assert len(reflected) == len(insights)
    assert set(reflected["page"]) == {1}
    assert (reflected["session_id"] % VISITS % 3 == 0).all()


@pytest.mark.parametrize(
    "other", ["engine.columns=false", "engine.concurrency=1", "platform.visibility_lag=3"], ids=lambda word: word
)
def test_insights_do_not_depend_on_how_the_run_goes(tmp_path: Path, other: str) -> None:
    frozen = ("recommender.retrain=never", "platform.popularity=frozen", "users.memory.surprise=2.0", *EVERY)
    one, two = (played(tmp_path / name, TALKING, *frozen, *more) for name, more in (("one", ()), ("two", (other,))))
    assert one["counts"]["reflections"] > 10
    assert one["log_digest"] == two["log_digest"]


def test_a_failed_reflection_is_counted_and_loses_nothing(tmp_path: Path) -> None:
    text = TALKING.replace("{kind: scripted}", f'{{kind: "{__name__}:Speechless"}}')
    mute, free = played(tmp_path / "mute", text, *EVERY), played(tmp_path / "free", text, *EVERY[:2])
    assert mute["counts"]["reflections_failed"] == mute["counts"]["reflections"] > 10
    assert mute["log_digest"] != free["log_digest"]  # what they thought of before failing was recalled
    left, right = tables(tmp_path / "mute"), tables(tmp_path / "free")
    assert left["impressions"].equals(right["impressions"])
    notes = left["llm_calls"].query("purpose == 'reflect'")
    assert set(notes["parse_status"]) == {"failed"}


def test_an_llm_without_free_text_is_refused_at_once(tmp_path: Path) -> None:
    text = TALKING.replace("{kind: scripted}", f'{{kind: "{__name__}:Terse"}}')
    with pytest.raises(InvalidInput, match="reflection needs free text"):
        played(tmp_path / "run", text, *EVERY)


def test_a_stopped_run_comes_to_the_same_insights(tmp_path: Path) -> None:
    whole = played(tmp_path / "whole", TALKING, *EVERY)
    with pytest.raises(Interrupted):
        played(tmp_path / "run", TALKING, *EVERY, stop_after=200)
    again = played(tmp_path / "run", TALKING, *EVERY)
    assert again["log_digest"] == whole["log_digest"]
    assert again["counts"]["reflections"] == whole["counts"]["reflections"] > 10
