import asyncio
import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from agents import models
from agents.errors import InvalidInput, MissingResource
from agents.llm.base import Answer, Message, Prompt
from agents.llm.transformers import Transformers
from tests.agents.llm.tiny import WORDS, network, save

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("tiny"))


def words(count: int, seed: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def prompt(length: int, slate: Sequence[str] = ("w1 w2 w3", "w4", "w5 w6"), seed: int = 0) -> Prompt:
    return Prompt("likelihood", "watch", (Message("user", words(length, seed)),), continuations=tuple(slate))


def ask(folder: Path, *prompts: Prompt, cache_mb: int = 64) -> list[Answer]:
    async def all_of_them() -> list[Answer]:
        model = Transformers(str(folder), threads=1, cache_mb=cache_mb)
        await model.open()
        try:
            return [await model.ask(each) for each in prompts]
        finally:
            await model.close()

    return asyncio.run(all_of_them())


def by_hand(messages: str, continuation: str) -> float:
    """Score one continuation with a plain forward pass over the whole text."""
    vocabulary = {word: i for i, word in enumerate([*WORDS, "<system>", "<user>", "<assistant>", "?"])}
    prefix = [vocabulary[word] for word in f"<user> {messages} <assistant>".split()]
    tokens = [vocabulary[word] for word in continuation.split()]
    with torch.inference_mode():
        logprobs = torch.log_softmax(network()(torch.tensor([prefix + tokens])).logits[0].double(), dim=-1)
    return sum(float(logprobs[len(prefix) - 1 + i, token]) for i, token in enumerate(tokens))


@pytest.mark.parametrize("length", [1, 61, 62, 63, 126, 200])
def test_packed_scores_equal_plain_ones(folder: Path, length: int) -> None:
    question = prompt(length)
    (answer,) = ask(folder, question)
    assert answer.lengths == (3, 1, 2)
    for text, score in zip(question.continuations, answer.logprobs, strict=True):
        assert score == pytest.approx(by_hand(question.messages[0].text, text), abs=1e-4)


def test_a_cache_hit_and_a_miss_give_the_same_bits(folder: Path) -> None:
    questions = [prompt(200, (words(5, i), words(3, i + 50))) for i in range(4)]
    growing = [
        Prompt(
            "likelihood", "watch", (Message("user", words(130, 9) + " " + words(40 * i, 3)),), continuations=("w1 w2",)
        )
        for i in range(1, 4)
    ]
    together = ask(folder, *questions, *growing)
    assert together[1].tokens_cached == 192
    assert together[-1].tokens_cached >= 128
    alone = [ask(folder, question)[0] for question in (*questions, *growing)]
    assert all(answer.tokens_cached == 0 for answer in alone)
    assert [answer.logprobs for answer in together] == [answer.logprobs for answer in alone]


def test_scores_do_not_depend_on_how_many_are_computed_at_once(folder: Path) -> None:
    async def at_once(threads: int) -> list[tuple[float, ...]]:
        model = Transformers(str(folder), threads=threads, cache_mb=1)
        await model.open()
        questions = [prompt(130 + i % 7, seed=i % 5) for i in range(40)]
        answers = await asyncio.gather(*map(model.ask, questions))
        await model.close()
        return [answer.logprobs for answer in answers]

    assert asyncio.run(at_once(1)) == asyncio.run(at_once(4))


def test_scores_do_not_depend_on_what_was_asked_before(folder: Path) -> None:
    questions = [prompt(length, seed=length) for length in (70, 140, 10, 199)]
    forward, backward = ask(folder, *questions), ask(folder, *reversed(questions))
    assert [answer.logprobs for answer in forward] == [answer.logprobs for answer in reversed(backward)]


def test_a_full_cache_forgets_and_stays_right(folder: Path) -> None:
    questions = [prompt(130, seed=i % 3) for i in range(6)]
    small, large = ask(folder, *questions, cache_mb=0), ask(folder, *questions)
    assert [answer.tokens_cached for answer in small] == [0] * 6
    assert large[-1].tokens_cached == 128
    assert [answer.logprobs for answer in small] == [answer.logprobs for answer in large]


def test_labels_are_next_token_probabilities(folder: Path) -> None:
    question = Prompt("labels", "watch", (Message("user", "w1 w2"),), labels=("w7", "w8"))
    (answer,) = ask(folder, question)
    assert answer.logprobs == pytest.approx([by_hand("w1 w2", "w7"), by_hand("w1 w2", "w8")], abs=1e-5)
    assert sum(map(math.exp, answer.logprobs)) <= 1
    with pytest.raises(InvalidInput, match="'w7 w8' is 2 tokens"):
        ask(folder, Prompt("labels", "watch", question.messages, labels=("w7 w8",)))


def test_a_closing_assistant_message_is_continued(folder: Path) -> None:
    turns = (Message("user", "w1"), Message("assistant", "w2"))
    continued = ask(folder, Prompt("likelihood", "watch", turns, continuations=("w3 w4",)))[0].logprobs[0]
    longer = by_hand("w1", "w2 w3 w4") - by_hand("w1", "w2")
    assert continued == pytest.approx(longer, abs=1e-4)


def test_vectors_are_mean_states_half_way_and_do_not_depend_on_the_padding(folder: Path) -> None:
    texts = ("w1 w2 w3", "w4", "w5 w6")
    together, *alone = ask(
        folder, *(Prompt("embedding", "read", (), continuations=those) for those in (texts, *((t,) for t in texts)))
    )
    vocabulary = {word: i for i, word in enumerate(WORDS)}
    with torch.inference_mode():
        states = network()(torch.tensor([[vocabulary[w] for w in texts[0].split()]]), output_hidden_states=True)
    assert together.vectors[0] == pytest.approx(states.hidden_states[2][0].mean(dim=0).tolist(), abs=1e-3)
    for row, answer in zip(together.vectors, alone, strict=True):
        assert row == pytest.approx(answer.vectors[0], abs=1e-3)
    (empty,) = ask(folder, Prompt("embedding", "read", (), continuations=("",)))
    assert empty.status == "failed"


def test_a_prompt_longer_than_the_context_fails_as_data(folder: Path) -> None:
    (answer,) = ask(folder, prompt(600))
    assert (answer.status, answer.finish_reason) == ("failed", "length")
    assert "512" in answer.error


def test_what_it_cannot_answer_and_what_is_missing_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="'text'"):
        ask(folder, Prompt("text", "chat", (Message("user", "w1"),)))
    monkeypatch.setenv("TASTELOOP_HOME", str(folder / "nothing"))
    with pytest.raises(MissingResource, match="models fetch smollm2-135m-instruct"):
        asyncio.run(Transformers("smollm2-135m-instruct").open())
    with pytest.raises(MissingResource, match=r"no \*\.safetensors"):
        asyncio.run(Transformers(str(folder.parent)).open())


def test_the_fingerprint_needs_no_weights_for_a_registered_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Transformers(str(folder)).fingerprint == Transformers(str(folder)).fingerprint
    monkeypatch.setenv("TASTELOOP_HOME", str(folder / "nothing"))
    assert "b179c952" in Transformers("smollm2-135m-instruct").fingerprint


@pytest.mark.skipif(not models.entry("smollm2-135m-instruct").is_fetched, reason="smollm2-135m-instruct is not fetched")
def test_the_embedded_model_knows_which_film_comes_to_mind() -> None:
    async def answer() -> Answer:
        model = Transformers("smollm2-135m-instruct", threads=1)
        await model.open()
        question = Message("user", "Which space film by George Lucas came out in 1977?")
        asked = Prompt("likelihood", "probe", (question,), continuations=("Star Wars", "Star Chairs", "Wars Star"))
        return await model.ask(asked)

    best, *others = asyncio.run(answer()).logprobs
    assert best > max(others) + 2
