"""Every lever of the folder: strength 0 is nothing, the recommender's contract holds, levers compose."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from agents.errors import InvalidInput
from agents.schema import Item
from simulator.catalog import Catalog
from simulator.components import build, find, names
from simulator.fits import Fits
from simulator.levers.base import Lever, described, levered, nested
from simulator.levers.reranked import Reranked, Reranking
from simulator.recommenders.base import Recommender
from simulator.recommenders.conformance import RULES, Subject, equal_states, same
from simulator.recommenders.fallback import Fallback
from simulator.recommenders.planted import Planted
from simulator.recommenders.popularity import Popularity

PLANTED = Planted.shuffled(users=240, length=12)


def planted_with_genres() -> Planted:
    world = dataclasses.replace(PLANTED)
    vars(world).update(vars(PLANTED) | {"catalog": with_genres(PLANTED.catalog)})
    return world


SPARED = {
    "cold_policy_is_kept",  # a lever may have its say on whom nothing is known of
    "popularity_is_beaten",
    "slates_do_not_collapse",  # this and the one above: what levers are there to change
    "order_matters",  # these say nothing of the neighborhoods tried here
    "codebook_is_used",
    "warm_refit_goes_on",
}
"""Rules that are not asked of levers."""


def with_genres(catalog: Catalog) -> Catalog:
    """Genres by item number, none for some; every ninth item has just come on offer."""
    items = tuple(
        Item(i.item_id, i.title, tuple(f"g{g}" for g in {i.item_id % 5, i.item_id % 7} if g < 5)) for i in catalog.items
    )
    return Catalog(items, catalog.names, np.where(np.arange(len(items)) % 9 == 0, 1e6 - 60.0, 0.0))


def spec_of(kind: str, strength: float = 0.4, **more: Any) -> dict[str, Any]:
    whole = find("levers", kind).__dataclass_fields__["strength"].type
    few = {"pool": 30} if kind == "exposure_cap" else {}  # which it tries again and again at the fit
    return {"kind": kind, "strength": 3 if "int" in str(whole) else strength, **few, **more}


def makes(kind: str, recommender: str) -> bool:
    try:
        levered({"kind": recommender, "levers": [spec_of(kind)]})
    except InvalidInput:
        return False
    return True


ON_LISTS = [kind for kind in names("levers") if makes(kind, "item_knn")]
ON_TRAINING = [kind for kind in names("levers") if kind not in ON_LISTS]


def test_every_lever_needed_is_there():
    rerank = {"temperature", "logit_adjustment", "mmr", "xquad", "calibrated", "exploration", "exposure_cap"}
    rerank |= {"tail_boost"}
    train = {"inverse_propensity", "sdpo", "self_play", "codebook_rebalancing", "guidance", "samples", "d3", "gumbel"}
    assert rerank <= set(ON_LISTS)
    assert train <= set(ON_TRAINING)


@pytest.mark.parametrize("kind", names("levers"))
def test_strength_zero_is_the_recommender_itself(kind):
    recommender = Popularity()
    assert build("levers", {"kind": kind, "strength": 0}).wrap(recommender) is recommender
    assert "levers" not in described({"kind": "popularity", "levers": [{"kind": kind, "strength": 0}]})


@pytest.mark.parametrize("kind", names("levers"))
def test_a_strength_is_asked_for_and_checked(kind):
    with pytest.raises(InvalidInput, match="'strength' is required"):
        build("levers", kind)
    with pytest.raises(InvalidInput, match="greater than or equal to 0"):
        build("levers", {"kind": kind, "strength": -1})


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.__name__ not in SPARED], ids=lambda r: r.__name__)
def test_the_contract_holds_under_every_lever_on_lists(rule):
    for kind in ON_LISTS:
        for extra in ({}, {"aspects": "genres"}) if kind == "xquad" else ({},):
            spec = {"kind": "item_knn", "levers": [spec_of(kind, **extra)]}
            subject = Subject(lambda spec=spec: levered(spec))
            vars(subject)["small"] = planted_with_genres()
            assert rule(subject) is None, kind


@pytest.mark.parametrize("kind", ON_LISTS)
def test_slates_are_changed_and_begin_alike_whatever_is_asked_for(kind):
    subject = Subject(lambda: levered({"kind": "item_knn", "levers": [spec_of(kind, 0.9)]}))
    world = planted_with_genres()
    changed, plain = subject.fit(world), Subject(lambda: levered("item_knn")).fit(world)
    ours, theirs = (r.recommend(subject.some, 10).item_id for r in (changed, plain))
    assert (ours != theirs).any()
    if kind != "exploration":  # where a position is given away depends on the slate
        assert np.array_equal(changed.recommend(subject.some, 5).item_id, ours[:, :5])


def test_a_batch_of_many_blocks_is_the_same_as_its_parts(monkeypatch):
    subject = Subject(lambda: levered({"kind": "item_knn", "levers": [spec_of("calibrated"), spec_of("temperature")]}))
    whole = subject.fitted.recommend(subject.some, 10)
    monkeypatch.setattr("simulator.levers.reranked.CELLS", 1)
    assert same(whole, subject.fitted.recommend(subject.some, 10))
    assert whole.diagnostics == subject.fitted.recommend(subject.some, 10).diagnostics


def test_levers_compose_in_their_order():
    spec = {"kind": "item_knn", "levers": [spec_of("logit_adjustment"), spec_of("mmr")]}
    outer = levered(spec)
    assert [type(r.lever).__name__ for r in nested(outer) if isinstance(r, Reranked)] == ["Mmr", "LogitAdjustment"]
    by_hand = build("levers", spec["levers"][1]).wrap(build("levers", spec["levers"][0]).wrap(levered("item_knn")))
    backwards = levered(spec | {"levers": spec["levers"][::-1]})
    catalog, requests = with_genres(PLANTED.catalog), PLANTED.requests()
    for one in (outer, by_hand, backwards):
        one.fit(PLANTED.log, catalog, rng=np.random.default_rng(0))
    first, second, third = (one.recommend(requests, 10) for one in (outer, by_hand, backwards))
    assert same(first, second)
    assert (first.item_id != third.item_id).any()


def test_what_the_recommender_declares_its_lever_declares():
    assert levered({"kind": "semantic_id", "levers": [spec_of("mmr")]}).new_items == "invisible"
    assert levered({"kind": "skip_markov", "levers": [spec_of("mmr")]}).sequential
    assert not levered({"kind": "item_knn", "levers": [spec_of("mmr")]}).warm


@pytest.mark.parametrize("kind", ON_TRAINING)
def test_a_lever_that_does_not_fit_says_so_and_what_would(kind):
    with pytest.raises(InvalidInput, match=f"{kind}: ItemKnn has no '.*' to set; remove the lever, or"):
        build("levers", spec_of(kind)).wrap(levered("item_knn"))
    with pytest.raises(InvalidInput, match=f"{kind}: ItemKnn"):
        build("levers", spec_of(kind)).wrap(Fallback(levered("item_knn")))


def test_levers_that_are_no_list_are_refused():
    with pytest.raises(InvalidInput, match="write levers:"):
        levered({"kind": "ease", "levers": "mmr"})


def test_fits_know_their_levers(tmp_path):
    keys = []
    for levers in ([], [spec_of("mmr", 0)], [spec_of("mmr")], [spec_of("mmr", 0.7)]):
        fits = Fits(tmp_path, {"kind": "item_knn", "levers": levers}, 1, PLANTED.catalog, warm=True)
        fitted = fits.fit(0, PLANTED.log, None)
        again = fits.again(0, fits.key)
        assert again is not None
        assert equal_states(fitted.state(), again.state())
        assert same(*(r.recommend(PLANTED.requests(), 10) for r in (fitted, again)))
        keys.append(fits.key)
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


@dataclasses.dataclass
class Outside(Lever):
    """Fill short lists, as somebody else's lever might."""

    strength: float

    def changed(self, recommender: Recommender) -> Recommender:
        return Fallback(recommender, Popularity())


def test_a_lever_need_not_rerank():
    assert not issubclass(Outside, Reranking)
    recommender = levered({"kind": "item_knn", "levers": [{"kind": f"{__name__}:Outside", "strength": 1}]})
    assert isinstance(recommender, Fallback)
