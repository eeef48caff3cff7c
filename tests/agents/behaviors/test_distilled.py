"""A student of recorded choices, and the shadow that checks on it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from agents.behaviors.base import TalkingBehavior
from agents.behaviors.distilled import Distilled
from agents.errors import InvalidInput, MissingResource
from agents.llm.base import Answer, Prompt
from agents.llm.scripted import Scripted
from agents.pages import observations, take
from agents.schema import Action, Choices, DecidedBy, Decisions, Item, Pages, Setting
from tests.agents.behaviors.test_llm_behavior import KINDS, hold
from tests.agents.worlds import pages, setting

WORLD = setting(n_simulated=30, choices=Choices(examination=0.999))


def horror(item: Item) -> bool:
    return "Horror" in item.genres


def record(folder: Path, world: Setting, watches: Callable[[Item], bool], n_users: int = 12) -> Path:
    """Write what a run of users with an odd taste would leave."""
    (folder / "log").mkdir(parents=True)
    shown = [
        (user, item.item_id, place % 10, "watch" if watches(item) else "skip", "llm")
        for user in range(n_users)
        for place, item in enumerate(world.items)
    ]
    unread = [(user, 3, 9, "unseen", "llm") for user in range(n_users)]
    by_others = [(user, item, 0, "watch", "calibrated") for user in range(n_users, 20) for item in range(80)]
    tables = {
        "impressions": pd.DataFrame(
            unread + shown + by_others, columns=["user_id", "item_id", "position", "action", "decided_by"]
        ),
        "items": pd.DataFrame({"title": [item.title for item in world.items]}),
        "users": pd.DataFrame(
            {"user_id": range(n_users), "narrative": [world.personas[user].narrative for user in range(n_users)]}
        ),
    }
    for name, table in tables.items():
        table.to_parquet(folder / "log" / f"{name}-00001.parquet")
    return folder


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("run") / "llm", WORLD, horror)


def watched_share(decisions: Decisions, shown: Pages, watches: Callable[[Item], bool]) -> tuple[float, float]:
    """Of what is read, the share watched among what the teacher likes, and among the rest."""
    liked = np.array([watches(item) for item in WORLD.items])[shown.item_id]
    read, watched = decisions.action != Action.UNSEEN, decisions.action == Action.WATCH
    fresh = read & (shown.exposures == 0)
    return float(watched[fresh & liked].mean()), float(watched[fresh & ~liked].mean())


def test_the_student_learns_an_odd_taste_and_lends_it_to_users_who_were_never_asked(journal: Path) -> None:
    student = Distilled(journal=journal, shadow=0.0)
    student.prepare(WORLD)
    shown = pages(WORLD, n=600)
    decisions = student.respond(shown)
    likes, others = watched_share(decisions, shown, horror)
    assert likes > 0.8
    assert others < 0.15
    unasked = shown.user_id >= 12
    assert unasked.any()
    assert (decisions.action[unasked] == Action.WATCH).any()
    assert (decisions.decided_by == DecidedBy.DISTILLED).all()


def test_users_go_to_the_student_and_to_a_shadow_that_talks(journal: Path) -> None:
    alone = Distilled(journal=journal, shadow=0.0, share=3.0).shares()
    assert [(isinstance(member, TalkingBehavior), share) for member, share in alone] == [(False, 3.0)]
    both = Distilled(journal=journal, shadow=0.25, model="m", share=2.0).shares()
    assert [(isinstance(member, TalkingBehavior), share) for member, share in both] == [(False, 1.5), (True, 0.5)]


def compared(journal: Path, decide: str, reply: Callable[[Prompt], Answer], batch: int = 120) -> dict[str, Any]:
    """Let the shadow answer pages, the last batch first, and return what it says of the student."""
    (student, _), (shadow, _) = Distilled(journal=journal, shadow=0.5, model="m", decide=decide).shares()  # type: ignore[arg-type]
    assert isinstance(shadow, TalkingBehavior)
    shadow.settle(KINDS)
    student.prepare(WORLD)
    shadow.prepare(WORLD)
    shadow.calibrate([hold(conversation, reply)[0] for conversation in shadow.calibration()])
    shown = pages(WORLD, n=120)
    seen = observations(shown, shown.decision, WORLD.items)
    ends = [hold(conversation, reply)[0] for conversation in shadow.converse(shown, seen, [""] * len(seen))]
    for first in reversed(range(0, 120, batch)):
        rows = np.arange(first, first + batch)
        decisions = shadow.conclude(take(shown, rows), [ends[row] for row in rows])
        assert (decisions.decided_by == DecidedBy.LLM).all()
    return dict(shadow.assumptions())


def says(watches: Callable[[Item], bool]) -> Callable[[Prompt], Answer]:
    """A model that watches what it likes among the items it is shown."""

    def reply(prompt: Prompt) -> Answer:
        lines = [line for line in prompt.messages[-1].text.splitlines() if line.split(". ")[0].isdigit()]
        items = [WORLD.items[int(line.split("Title ")[1].split(" ")[0])] for line in lines]
        chosen = [f'{{"position": {n}, "rating": 4}}' for n, item in enumerate(items, start=1) if watches(item)]
        text = f'{{"watch": [{", ".join(chosen)}], "leave": "stay", "reason": ""}}'
        return Answer("ok", text=text, call_id="c")

    return reply


def test_the_shadow_tells_a_good_student_from_a_bad_one(journal: Path) -> None:
    good = compared(journal, "structured", says(horror))
    bad = compared(journal, "structured", says(lambda item: not horror(item)))
    assert good["shadow_kl_high"] < bad["shadow_kl_low"]
    assert good["shadow_kl_high"] < good["shadow_kl_of_calibrated_low"]
    assert good["shadow_agreement_low"] > good["shadow_agreement_by_chance"]
    assert good["shadow_agreement_low"] > 0.85
    assert bad["shadow_agreement_high"] < 0.3
    assert good["shadow_users"] == len(set(pages(WORLD, n=120).user_id.tolist()))


def test_where_there_are_scores_distributions_are_compared(tmp_path: Path) -> None:
    """The model's scores weigh nothing, so the calibrated model IS the teacher, and its own divergence is 0."""
    nothing = record(tmp_path / "llm", WORLD, lambda item: item.item_id % 10 == 0)
    found = compared(nothing, "likelihood", lambda prompt: Answer("ok", logprobs=(-5.0,) * len(prompt.continuations)))
    assert found["shadow_kl_of_calibrated"] == pytest.approx(0.0, abs=1e-6)
    assert found["shadow_kl"] > 0


def test_the_shadow_says_the_same_whatever_order_answers_come_in(journal: Path) -> None:
    def scripted(prompt: Prompt) -> Answer:
        return asyncio.run(Scripted().ask(prompt))

    assert compared(journal, "likelihood", scripted) == compared(journal, "likelihood", scripted, batch=8)


def test_what_cannot_be_learned_from_is_refused(journal: Path, tmp_path: Path) -> None:
    def refused(folder: Path, world: Setting = WORLD) -> str:
        with pytest.raises(InvalidInput) as error:
            Distilled(journal=folder, shadow=0.0).prepare(world)
        return str(error.value)

    with pytest.raises(MissingResource, match="no finished run"):
        Distilled(journal=tmp_path / "nowhere", shadow=0.0).prepare(WORLD)
    assert "another catalog" in refused(journal, setting(n_items=79))
    assert "users of" in refused(record(tmp_path / "others", setting(per_user=20), horror))
    silent = record(tmp_path / "silent", WORLD, horror, n_users=0)
    assert "decided by a language model" in refused(silent)
    with pytest.raises(InvalidInput, match="shadow: 1"):
        Distilled(journal=journal, shadow=1.0, model="m")
    with pytest.raises(InvalidInput, match="model: name"):
        Distilled(journal=journal)
