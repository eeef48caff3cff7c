"""What a model is tuned and checked on, and that tuning moves it there."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents.llm.base import Answer, Kind, LanguageModel, Message, Prompt
from agents.schema import History
from agents.tuning.check import aucs, questions
from agents.tuning.examples import REJECTED, Material, examples
from simulator.seeds import Streams
from tests.agents.llm.tiny import save
from tests.agents.worlds import history, items

ITEMS, LOG = items(), history(per_user=30)
USERS = np.arange(0, 40)


def parts() -> tuple[History, History]:
    """Each user's first three quarters, and the rest."""
    start = np.searchsorted(LOG.user_id, LOG.user_id)
    size = np.bincount(LOG.user_id)[LOG.user_id]
    early = np.arange(len(LOG.user_id)) - start < 0.75 * size
    first, rest = (
        History(*(getattr(LOG, name)[rows] for name in ("user_id", "item_id", "rating", "time")))
        for rows in (early, ~early)
    )
    return first, rest


TRAIN, HELD_OUT = parts()
MATERIAL = Material(ITEMS, TRAIN, np.bincount(TRAIN.item_id, minlength=len(ITEMS)).astype(float), Streams(2))


def numbers(texts: tuple[str, ...]) -> list[int]:
    return [int(text.split("Title ")[1].split(" ")[0]) for text in texts]


def told(prompt: Prompt) -> str:
    return "\n".join(message.text for message in prompt.messages) + "\n"


def test_examples_ask_about_training_choices_that_the_prompt_does_not_name() -> None:
    made = examples(MATERIAL, USERS, 150)
    assert len(made) == 150
    for prompt in made:
        taken, *others = numbers(prompt.continuations)
        assert len(others) == REJECTED
        assert f"Title {taken} (" not in told(prompt)
        fans = set(TRAIN.user_id[TRAIN.item_id == taken].tolist())
        assert fans & set(USERS.tolist())
        strangers = [set(TRAIN.user_id[TRAIN.item_id == other].tolist()) for other in others]
        assert fans - set().union(*strangers), "somebody took the one and none of the others"
    assert len({told(prompt) for prompt in made}) > 100, "every round cuts anew"


def test_nothing_held_out_and_nobody_else_reaches_the_examples() -> None:
    """A title that only the held-out part holds never shows up, and other users' histories change nothing."""
    made = examples(MATERIAL, USERS, 60)
    marked = np.bincount(TRAIN.item_id, minlength=len(ITEMS)) == 0
    texts = "".join(told(prompt) + "".join(prompt.continuations) for prompt in made)
    assert not any(f"Title {item} " in texts for item in np.flatnonzero(marked))
    mine = TRAIN.user_id < 40
    alone = History(*(getattr(TRAIN, name)[mine] for name in ("user_id", "item_id", "rating", "time")))
    again = examples(replace(MATERIAL, history=alone), USERS, 60)
    assert [numbers(prompt.continuations) for prompt in made] == [numbers(prompt.continuations) for prompt in again]


def test_the_check_asks_about_held_out_items_beside_equally_popular_ones() -> None:
    asked = questions(MATERIAL, HELD_OUT, USERS)
    assert len(asked) > 20
    rank = np.argsort(np.argsort(-MATERIAL.popularity, kind="stable"), kind="stable")
    for question in asked:
        user = int(question.persona.source)
        mine, later = (set(part.item_id[part.user_id == user].tolist()) for part in (TRAIN, HELD_OUT))
        ids = [item.item_id for item in question.items]
        taken, others = ids[: question.taken], ids[question.taken :]
        assert set(taken) <= later - mine
        assert not set(others) & (later | mine)
        assert all(abs(int(rank[a]) - int(rank[b])) <= 3 for a, b in zip(taken, others, strict=True))
        assert not any(f"Title {item} " in question.persona.narrative for item in later - mine)


class Knowing(LanguageModel):
    """Likes, by ``strength``, what the person before it will take."""

    def __init__(self, strength: float) -> None:
        self.strength, self.asked = strength, 0
        people = {question.persona.narrative: question for question in questions(MATERIAL, HELD_OUT, USERS)}
        self._secret = {
            text: {item.item_id for item in question.items[: question.taken]} for text, question in people.items()
        }

    @property
    def fingerprint(self) -> str:
        return "knowing"

    @property
    def kinds(self) -> frozenset[Kind]:
        return frozenset(("likelihood",))

    async def ask(self, prompt: Prompt) -> Answer:
        self.asked += 1
        secret = self._secret.get(prompt.messages[0].text, set())
        scores = tuple(self.strength * (n in secret) - 0.1 * n for n in numbers(prompt.continuations))
        return Answer("ok", logprobs=scores, lengths=(4,) * len(scores))


@pytest.mark.parametrize(("strength", "wanted"), [(9.0, 1.0), (0.0, 0.5), (-9.0, 0.0)])
def test_the_check_measures_what_the_model_knows_beyond_the_title_itself(strength: float, wanted: float) -> None:
    asked, model = questions(MATERIAL, HELD_OUT, USERS), Knowing(strength)
    found = asyncio.run(aucs(asked, ITEMS, model, lambda share: None))
    assert found.mean() == pytest.approx(wanted, abs=0.02)
    assert model.asked <= len(asked) + 5, "what a title is worth to nobody is asked once"


def test_tuning_moves_the_model_towards_what_was_taken(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    from agents.llm.local.adapter import merge
    from agents.llm.local.network import load, prefix, tokens
    from agents.llm.local.packed import differentiable
    from agents.tuning.lora import LOSSES, Loss, Recipe, tune

    base = str(save(tmp_path / "tiny"))
    asked = [Message("user", "w1 w2 w3")], [Message("user", "w4 w5")]
    slates = (" w7 w8", " w9", " w10 w11"), (" w12", " w7 w8", " w13")
    lessons = [Prompt("likelihood", "choose", tuple(asked[n % 2]), continuations=slates[n % 2]) for n in range(60)]
    seen: list[Loss] = []
    tune(base, lessons, tmp_path / "out", Recipe(rate=1e-2), seen.append)
    assert seen[0].preference == pytest.approx(np.log(2), abs=1e-5)
    assert np.mean([loss.preference for loss in seen[-10:]]) < 0.8 * seen[0].preference
    assert np.mean([loss.beaten for loss in seen[-10:]]) == 1.0
    logged = [json.loads(line) for line in (tmp_path / "out" / LOSSES).read_text().splitlines()]
    assert [line["preference"] for line in logged] == [loss.preference for loss in seen]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"adapter_config.json", "adapter_model.safetensors", LOSSES}
    (plain, tokenizer), (tuned, _) = load(base), load(base)
    merge(tuned, str(tmp_path / "out"))
    texts = [tokens(tokenizer, text) for text in slates[1]]
    before, after = (differentiable(model, prefix(tokenizer, asked[1]), texts).tolist() for model in (plain, tuned))
    assert after[0] - before[0] > max(after[1] - before[1], after[2] - before[2]) + 1
    tune(base, lessons, tmp_path / "again", Recipe(rate=1e-2), lambda loss: None)
    first, again = ((tmp_path / out / "adapter_model.safetensors").read_bytes() for out in ("out", "again"))
    assert first == again
