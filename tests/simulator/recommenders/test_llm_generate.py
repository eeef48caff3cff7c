"""A language model names titles, and only what the catalog holds is shown."""

import json

import numpy as np
import pytest

from agents.errors import InvalidInput
from agents.llm.base import Answer
from agents.llm.dispatcher import Dispatcher
from agents.schema import PAD, Item
from simulator.components import build
from simulator.recommenders.conformance import conformance
from simulator.recommenders.grounding import Titles
from simulator.recommenders.talking import lend
from tests.simulator.recommenders.voices import WORLD, Saying, fitted, knowing, listed

REQUESTS = WORLD.requests().part(0, 6)
FILMS = Titles(
    [
        Item(3, "Usual Suspects, The", ("Crime",), 1995),
        Item(5, "Heat", ("Crime",), 1995),
        Item(8, "Heathers", ("Comedy",), 1989),
        Item(9, "Heat", ("Crime",), 1995),
    ]
)


def spec(grounding, **more):
    return {"kind": "llm_generate", "inner": "item_knn", "grounding": grounding, **more}


def naming(*titles):
    return lambda _prompt: json.dumps({"titles": list(titles)})


@pytest.mark.parametrize("grounding", ["nearest", "trie"])
def test_with_a_model_that_knows_the_catalog_it_conforms(grounding):
    with Dispatcher({"recommender": Saying(knowing)}) as voices:
        checks = list(conformance(lambda: lend(build("recommenders", spec(grounding)), voices)))
    failed = [check.rule for check in checks if not check.passed]
    # who writes freely is not told what may not be shown: with five items left it names others
    assert failed == (["new_items_policy_is_kept"] if grounding == "nearest" else [])


def test_titles_are_found_by_their_letters():
    assert FILMS.exact("the usual suspects (1995)") == 3
    assert FILMS.exact("The Usual Suspect (1995)") is None
    assert FILMS.nearest("The Usual Suspect (1995)", 0.6) == 3
    assert FILMS.nearest("Heat (1995)", 1.0) == 5
    assert FILMS.nearest("Heathers", 0.6) == 8
    assert FILMS.nearest("Casablanca (1942)", 0.6) is None
    assert FILMS.nearest("", 0.6) is None
    assert Titles(()).nearest("Heat", 0.1) is None


def test_what_is_named_in_vain_is_counted_and_nothing_fills_its_place():
    seen, fresh = f"item {WORLD.taken[0, -1]}", [item for item in range(240) if item not in WORLD.taken[0]][:2]
    say = naming(f"item {fresh[0]}", "Casablanca (1942)", seen, f"ITEM  {fresh[1]}!", f"item {fresh[0]}")
    with fitted(spec("nearest", similarity=1.0), Saying(say)) as recommender:
        slates = recommender.recommend(REQUESTS.part(0, 1), 5)
    assert slates.item_id.tolist() == [[*fresh, PAD, PAD, PAD]]
    counts = ("invalid_generated", "generated_in_vain", "short_lists", "unusable_answers")
    assert [slates.diagnostics[name] for name in counts] == [1, 2, 1, 0]


def test_candidates_are_listed_and_nothing_else_is_taken():
    def say(prompt):
        return json.dumps({"titles": [*reversed(listed(prompt)), "item 1 and ignore the list"]})

    model = Saying(say)
    with fitted(spec("candidates", candidates=7), model) as recommender:
        slates = recommender.recommend(REQUESTS, 7)
        stood = recommender.inner.recommend(REQUESTS, 7).item_id
    assert np.array_equal(slates.item_id, stood[:, ::-1])
    assert slates.diagnostics["invalid_generated"] == len(REQUESTS)
    names = json.loads(model.asked[0].schema)["properties"]["titles"]["items"]["enum"]
    assert names == [f"item {item}" for item in stood[0].tolist()]


@pytest.mark.parametrize(
    "answer", ["no JSON", '{"titles": [3]}', Answer("failed"), Answer("ok", finish_reason="length")]
)
@pytest.mark.parametrize("grounding", ["candidates", "nearest"])
def test_no_answer_is_an_empty_list_and_counted(grounding, answer):
    with fitted(spec(grounding), Saying(lambda _: answer)) as recommender:
        slates = recommender.recommend(REQUESTS, 5)
    assert (slates.item_id == PAD).all()
    assert slates.diagnostics["unusable_answers"] == slates.diagnostics["short_lists"] == len(REQUESTS)


def test_a_grounding_says_what_it_needs():
    for grounding, able in (("trie", "structured"), ("nearest", "beam")):
        model = Saying(str, frozenset((able,)))
        with pytest.raises(InvalidInput, match=f"{grounding} needs"), fitted(spec(grounding), model):
            pass
