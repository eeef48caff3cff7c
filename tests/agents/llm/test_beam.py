"""The search finds what scoring every text would, and only texts that are there."""

import asyncio
import json
import random
from pathlib import Path

import pytest

from agents.llm.base import Answer, Message, Prompt
from agents.llm.scripted import Scripted
from agents.llm.transformers import Transformers
from tests.agents.llm.tiny import WORDS, network, save

pytest.importorskip("torch")


def texts(seed: int, count: int) -> list[list[int]]:
    draw = random.Random(seed)
    return [[draw.randrange(12) for _ in range(draw.randrange(1, 6))] for _ in range(count)]


@pytest.mark.parametrize("length", [1, 64, 150])
def test_a_wide_search_is_exact_and_a_narrow_one_tells_the_truth(length: int) -> None:
    from agents.llm.local.beam import likeliest
    from agents.llm.local.packed import PackedScorer

    scorer, given = PackedScorer(network(), 1 << 26), texts(0, 300)
    prefix = [random.Random(length).randrange(60) for _ in range(length)]
    whole = scorer.continuations(prefix, given).logprobs
    different = {tuple(text): place for place, text in reversed([*enumerate(given)])}
    exact = sorted(different.values(), key=lambda place: -whole[place])
    found = likeliest(scorer, prefix, given, len(given))
    assert [place for place, _ in found.best] == exact
    for beams in (1, 7, 300):
        found = likeliest(scorer, prefix, given, beams)
        assert len(found.best) == min(beams, len(different))
        assert [value for _, value in found.best] == pytest.approx([whole[p] for p, _ in found.best], abs=1e-4)
        assert found.best[0][0] == exact[0]
        assert found.best == likeliest(scorer, prefix, given, beams).best
    assert likeliest(scorer, prefix, [], 3).best == ()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("tiny"))


def test_models_answer_beam_questions(folder: Path) -> None:
    offers = tuple(f" {a} {b}" for a in WORDS[:8] for b in WORDS[:8])
    prompt = Prompt("beam", "generate", (Message("user", "w1 w2"),), continuations=offers, beams=5)

    async def ask(model: Transformers | Scripted) -> Answer:
        await model.open()
        try:
            return await model.ask(prompt)
        finally:
            await model.close()

    for model in (Transformers(str(folder), threads=1), Scripted()):
        answer = asyncio.run(ask(model))
        found = json.loads(answer.text)
        assert len({place for place, _ in found}) == 5
        assert [value for _, value in found] == sorted((value for _, value in found), reverse=True)
        assert answer.tokens_in > 0


def test_the_number_of_beams_is_part_of_the_question_and_old_questions_keep_their_address() -> None:
    plain = Prompt("likelihood", "watch", (Message("user", "w1"),), continuations=("w2",))
    assert plain.address("m") == "0cb12d102c35f51e297850a1f9385265"
    one, two = (Prompt("beam", "g", plain.messages, continuations=("w2",), beams=beams) for beams in (1, 2))
    assert one.address("m") != two.address("m")
