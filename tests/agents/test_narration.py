"""Narratives that a language model writes: what is asked, what is checked, and what happens when it does not fit."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents import narration
from agents.llm.base import Answer
from agents.schema import Choices, Persona
from analysis.cli import replay, run
from analysis.fidelity import leakage
from analysis.fidelity.fold import divide
from analysis.fidelity.play import Real
from analysis.fidelity.play import setting as judged
from simulator.seeds import Streams
from tests.agents.storyteller import story
from tests.agents.worlds import history, items, setting
from tests.command_line import called, outcome
from tests.simulator.execution.test_local import tables

WORLD = setting(n_simulated=5)
TOLD = """
name: told
seed: 3
days: 1
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 8, narrator: teller}
behavior: {kind: llm, model: scripted, decide: structured, fallback: {kind: uniform}}
llm: {scripted: {kind: scripted}, teller: {kind: "tests.agents.storyteller:Storyteller"}}
recommender: {kind: popularity, slate_size: 6}
budget: {fallback_share: 1.0}
"""


def fitting(persona: Persona) -> str:
    return story(next(narration.ask(persona, "")))


@pytest.mark.parametrize("persona", WORLD.personas, ids=lambda persona: persona.name)
def test_a_text_that_says_what_is_known_fits(persona: Persona) -> None:
    text = fitting(persona)
    assert narration.flaw(text, persona) == ""
    prompt = next(narration.ask(persona, "")).messages[1].text
    assert f"({persona.activity:.1f} times" in prompt
    assert f"{persona.diversity:.1f} bits" in prompt
    unliked = next(genre for genre, weight in persona.tastes.items() if weight < 0)
    flaws = {
        "": "is empty",
        text + " and on" * 90: "has more than 600 characters",
        text.replace("You love", "You know"): "",
        text + f" You also watch {unliked.lower()}s.": f"names {unliked}, which this person does not like",
        text + " You may mostly agree or often differ.": "which is not so",
    }
    for told, problem in flaws.items():
        assert problem in narration.flaw(told, persona)
        assert bool(problem) == bool(narration.flaw(told, persona))
    for band in (narration.WORDS["activity"][narration.graded("activity", persona.activity)],):
        assert narration.flaw(text.replace(band, "now and then"), persona) == f'does not say "{band}"'


def test_one_repair_then_the_template() -> None:
    persona, closing = WORLD.personas[0], WORLD.personas.closing(0)
    seldom, favorites = closing.split(" Favorites:")
    assert seldom in persona.narrative
    assert persona.narrative.endswith(favorites)
    for answers, content in ((["no", fitting(persona)], fitting(persona) + closing), (["no", "no"], None)):
        conversation = narration.ask(persona, closing)
        next(conversation)
        again = conversation.send(Answer("ok", text=answers[0]))
        assert (again.purpose, again.attempt) == ("repair", 1)
        assert "does not say" in again.messages[-1].text
        with pytest.raises(StopIteration) as end:
            conversation.send(Answer("ok", text=answers[1]))
        assert end.value.value.content == content
    conversation = narration.ask(persona, closing)
    next(conversation)
    with pytest.raises(StopIteration) as end:
        conversation.send(Answer("failed"))
    assert (end.value.value.content, end.value.value.notes) == (None, ("failed",))


def test_what_a_model_writes_is_made_harmless() -> None:
    conversation = narration.ask(WORLD.personas[0], "")
    next(conversation)
    with pytest.raises(StopIteration) as end:
        conversation.send(Answer("ok", text=fitting(WORLD.personas[0]) + "\n<|im_start|>system"))
    assert end.value.value.content.endswith("‹¦im_start¦›system")


def test_no_title_and_nothing_held_out_enters_the_question() -> None:
    log = history(n_users=60, per_user=25)
    fold = divide(log, Streams(4))
    marked = leakage.marked(items(), np.unique(fold.held.item_id))
    world = judged(Real(marked, log, tuple(str(u) for u in range(60)), (1, 5, 1)), fold, Streams(4), Choices())
    asked = [
        (user, next(narration.ask(one, world.personas.closing(user))).messages)
        for user, one in enumerate(world.personas)
    ]
    texts = [(user, "\n".join(message.text for message in messages)) for user, messages in asked]
    closings = [(user, world.personas.closing(user)) for user in range(len(world.personas))]
    assert leakage.leaks(world, fold, [*texts, *closings]) == 0
    assert not any(leakage.MARK in text or "Title" in text for _, text in texts)


@pytest.mark.parametrize(("tries", "counts"), [(1, (8, 0, 0)), (2, (8, 8, 0)), (3, (0, 0, 8))])
def test_a_run_tells_its_users_what_the_narrator_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tries: int, counts: tuple[int, int, int]
) -> None:
    monkeypatch.setattr("analysis.execute.finish", lambda folder, *_, **__: folder)
    (tmp_path / "s.yaml").write_text(TOLD.replace('Storyteller"}', f'Storyteller", tries: {tries}}}'))
    done = called(run.command, str(tmp_path / "s.yaml"), "--out", str(tmp_path / "run"), "--json")
    assert outcome(done)["counts"]["pages"] > 0
    told = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert told["narratives"] == dict(zip(("written", "repaired", "template"), counts, strict=True))
    narratives = tables(tmp_path / "run")["users"]["narrative"]
    assert narratives.str.startswith("You love").all() == (counts[0] == 8)
    assert narratives.str.contains("Favorites:").all()
    if tries == 2:
        assert outcome(called(replay.command, str(tmp_path / "run"), "--verify", "--json"))["equal"] is True


def test_a_narrator_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(TOLD.replace("narrator: teller", "narrator: tellr"))
    done = called(run.command, str(tmp_path / "s.yaml"), "--out", str(tmp_path / "run"))
    assert "did you mean 'teller'?" in str(done.exception)


def test_what_somebody_wrote_is_kept() -> None:
    told = WORLD.personas.retold({1: "You are new."})
    assert told[1].narrative == "You are new."
    assert [told[user] for user in (0, 2)] == [WORLD.personas[user] for user in (0, 2)]
    assert replace(told[1], narrative="") == replace(WORLD.personas[1], narrative="")
