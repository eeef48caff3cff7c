"""The text models: what p5 learns of three tasks, and what is put into the words of collm."""

import dataclasses
from functools import cache

import numpy as np
import pytest

from agents.schema import Item
from simulator.catalog import Catalog, Interactions
from simulator.components import InvalidSpec, build
from simulator.recommenders.planted import requests_of
from simulator.recommenders.text_tasks import END, Vocabulary, reason, word

pytest.importorskip("torch")

GENRES = ("Comedy", "Drama", "War")
USERS, LENGTH, ITEMS = 150, 8, 30
SMALL = {"kind": "p5", "width": 32, "blocks": 1, "epochs": 30, "length": 6, "dropout": 0.0}


@cache
def world():
    """Everybody keeps to the items of one genre and rates those with even numbers 5, the others 2."""
    items = tuple(Item(i, f"film {i}", (GENRES[i % 3],), 1990) for i in range(ITEMS))
    rng = np.random.default_rng(0)
    taken = np.array([rng.permutation(np.arange(u % 3, ITEMS, 3))[:LENGTH] for u in range(USERS)])
    user, item = np.tile(np.arange(USERS), LENGTH), taken.T.ravel()
    time = np.repeat(np.arange(float(LENGTH)), USERS)
    log = Interactions(user, item, np.where(item % 2, 2.0, 5.0), time, np.zeros(len(user), dtype=bool))
    return Catalog(items, tuple(map(str, range(ITEMS)))), log, taken


@cache
def trained(*tasks):
    catalog, log, _ = world()
    model = build("recommenders", SMALL | {"tasks": list(tasks)})
    model.fit(log, catalog, rng=np.random.default_rng(0))
    return model


def asked(count=30):
    taken = world()[2][:count]
    return requests_of([*taken], [*taken]), np.array([row[0] % 3 + 3 * (u % 10) for u, row in enumerate(taken)])


def test_large_vocabularies_are_sampled(monkeypatch):
    monkeypatch.setattr("simulator.recommenders.cross_entropy.FULL", 20)
    monkeypatch.setattr("simulator.recommenders.cross_entropy.SAMPLE", 12)
    catalog, log, _ = world()
    requests, _ = asked()
    for spec in (SMALL | {"tasks": ["sequential"]}, COLLM | {"epochs": 30, "injection": "text_only"}):
        model = build("recommenders", spec)
        model.fit(log, catalog, rng=np.random.default_rng(0))
        shown = model.recommend(requests, 2).item_id
        assert (shown % 3 == requests.user_id[:, None] % 3).mean() > 0.7, spec["kind"]


def test_large_logs_are_passed_over_less_often():
    catalog, log, _ = world()
    shares, passes = [], []
    model = build("recommenders", SMALL | {"tasks": ["rating"], "reads": 3 * USERS + 1})
    model.fit(log, catalog, rng=np.random.default_rng(0), progress=lambda _, what: passes.append(what))
    assert passes == ["epoch 1 of 3", "epoch 2 of 3", "epoch 3 of 3"]
    model = build("recommenders", COLLM | {"epochs": 9, "injection": "text_only", "reads": 2 * len(log)})
    model.fit(log, catalog, rng=np.random.default_rng(0), progress=lambda share, _: shares.append(share))
    assert shares == pytest.approx([0.35, 0.7])


def test_one_model_learns_three_tasks_at_once():
    model = trained("sequential", "rating", "explanation")
    requests, item = asked()
    shown = model.recommend(requests, 2).item_id
    assert (shown % 3 == requests.user_id[:, None] % 3).mean() > 0.8
    rating = np.where(requests.history % 2, 2.0, 5.0)
    predicted = model.predict_rating(requests, rating, item)
    assert np.abs(predicted - np.where(item % 2, 2.0, 5.0)).mean() < 0.8
    pairs = zip(model.explained(requests, item), model.expected(requests, item), strict=True)
    same = [np.mean([a == b for a, b in zip(said, wanted, strict=False)]) for said, wanted in pairs]
    assert np.mean(same) > 0.8
    text = model.explain(requests, item)[0]
    assert text.startswith("because you watched film ")
    assert any(genre in text for genre in GENRES)


def test_a_task_that_was_not_trained_is_not_known():
    requests, item = asked()
    rating = np.where(requests.history % 2, 2.0, 5.0)
    error = np.abs(trained("sequential").predict_rating(requests, rating, item) - np.where(item % 2, 2.0, 5.0))
    assert error.mean() > 1.0


def test_ratings_and_explanations_do_not_depend_on_who_else_is_asked():
    model = trained("sequential", "rating", "explanation")
    requests, item = asked(40)
    rating = np.where(requests.history % 2, 2.0, 5.0)
    whole, words = model.predict_rating(requests, rating, item), model.explained(requests, item)
    for row in (0, 33, 39):
        one = requests.part(row, row + 1)
        told = rating[requests.starts[row] : requests.starts[row + 1]]
        assert model.predict_rating(one, told, item[row : row + 1])[0] == whole[row]
        assert model.explained(one, item[row : row + 1])[0] == words[row]


def test_items_are_numbered_by_training_alone():
    catalog, log, _ = world()
    numbers = Vocabulary.of(log, catalog).number
    renamed = np.random.default_rng(1).permutation(ITEMS)
    moved = Vocabulary.of(dataclasses.replace(log, item_id=renamed[log.item_id]), catalog).number
    assert np.array_equal(moved[renamed], numbers)
    half = log.take(np.arange(len(log)) < 3)
    first = Vocabulary.of(half, catalog)
    assert sorted(first.number[first.number >= 0]) == list(range(len(set(half.item_id.tolist()))))
    later = Vocabulary.of(log, catalog, first)
    assert np.array_equal(later.number[half.item_id], first.number[half.item_id])
    assert sorted(later.number[later.number >= 0]) == list(range(int((later.number >= 0).sum())))


def test_the_template_names_what_is_shared():
    catalog, log, _ = world()
    words, genres = Vocabulary.of(log, catalog), catalog.genre_matrix.astype(np.int64)
    told = reason(words, genres, np.array([1, 3, 6, 2]), 9)
    item = int(words.items(np.array([6]))[0])
    assert told == [*map(word, ("because", "you", "watched")), item, *map(word, ("both", "are")), words.genre(0), END]
    assert reason(words, genres, np.array([1, 2]), 9) is None
    assert words.text(told, lambda number: f"#{number}") == f"because you watched #{words.number[6]} both are Comedy"


def test_tasks_are_named_once():
    for tasks in ([], ["rating", "rating"], ["ratings"]):
        with pytest.raises(InvalidSpec, match="tasks"):
            build("recommenders", {"kind": "p5", "tasks": tasks})


COLLM = {"kind": "collm", "width": 16, "epochs": 3, "mapping_epochs": 2, "length": 6, "dimensions": 8}


@cache
def injected(injection):
    catalog, log, _ = world()
    model = build("recommenders", COLLM | {"injection": injection})
    model.fit(log.take(log.item_id >= 3), catalog, rng=np.random.default_rng(0))
    return model


def frozen(model):
    return {k: v.tobytes() for k, v in model.state().items() if "mapping" not in k and "vectors" not in k}


def test_the_second_step_changes_nothing_but_the_mapping():
    text = injected("text_only")
    for injection in ("soft", "placebo", "ensemble"):
        assert frozen(injected(injection)) == frozen(text)
    mapped = injected("soft").state()
    assert any(name.startswith("network.mapping.") for name in mapped)
    assert np.abs(mapped["network.mapping.2.weight"]).max() > 0
    assert not any("mapping" in name for name in text.state())


def test_the_placebo_has_the_same_vectors_of_other_items():
    real, dealt = (injected(kind).state()["network.vectors"] for kind in ("soft", "placebo"))
    assert np.array_equal(np.sort(real, axis=0), np.sort(dealt, axis=0))
    assert not np.array_equal(real, dealt)


def test_what_nobody_took_has_words_and_no_vector():
    model = injected("soft")
    state = model.state()
    assert not state["network.vectors"][:4].any()  # row 0 is no item, then the three that were kept out
    assert np.linalg.norm(state["network.vectors"][4:], axis=1) == pytest.approx(np.ones(ITEMS - 3), abs=1e-5)
    scores = model.score(asked()[0])
    assert np.isfinite(scores).all()
    requests, _ = asked()
    own = np.array([scores[row, user % 3] for row, user in enumerate(requests.user_id)])
    other = np.array([scores[row, (user + 1) % 3] for row, user in enumerate(requests.user_id)])
    assert (own > other).mean() > 0.6  # the genre alone says whose they are


def test_verbalised_vectors_are_words_and_unknown_ones_are_none():
    words = injected("verbalised").state()["words"][:, -4:]
    assert not words[:3].any()
    assert (words[3:] > 0).all()
    assert not np.array_equal(injected("verbalised").state()["words"].shape, injected("soft").state()["words"].shape)


def test_a_text_model_can_be_injected_into_later():
    _, log, _ = world()
    model = build("recommenders", COLLM | {"injection": "soft"})
    model.load_state(injected("text_only").state())
    seed = int(np.random.default_rng(0).integers(2**63, size=2)[1])
    model.inject(log.take(log.item_id >= 3), seed=seed)
    whole = injected("soft").state()
    assert all(np.array_equal(value, whole[name]) for name, value in model.state().items())
