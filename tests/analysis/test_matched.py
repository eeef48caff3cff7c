from types import SimpleNamespace

import numpy as np
import pytest

from analysis.matched import curves, matched

USERS = np.arange(300)


def trials(accuracy, diversity):
    """Return one trial in which diversity is noise around its mean, accuracy the same users' hits moved."""
    rng = np.random.default_rng(int(1000 * diversity))
    hits = np.where(np.random.default_rng(0).random(300) < 0.3, 0.5, 0.0)
    spread = diversity + 0.1 * rng.normal(size=300)
    figures = {"ndcg": hits + accuracy, "intra_list_diversity": spread, "miuf": np.full(300, 2.0)}
    return [SimpleNamespace(users=USERS, of_users=figures)]


def test_kinds_are_compared_where_they_are_equally_accurate():
    every = {"a": trials(0, 0.5), "a, more": trials(-0.1, 0.8), "b": trials(-0.02, 0.6), "b, more": trials(-0.2, 0.9)}
    diversity, novelty = matched({"a": ["a", "a, more"], "b": ["b, more", "b"]}, every)
    assert diversity["ndcg"] == pytest.approx(every["b"][0].of_users["ndcg"].mean())
    assert diversity["baseline_value"] == pytest.approx(0.56, abs=0.02), "a's curve, a fifth of the way"
    assert diversity["difference"] == pytest.approx(0.04, abs=0.02)
    assert 0 < diversity["low"] < diversity["difference"] < diversity["high"]
    assert (diversity["kind"], diversity["baseline"], diversity["verdict"]) == ("b", "a", "shown")
    assert (novelty["difference"], novelty["verdict"]) == (0, "not shown")


def test_curves_that_do_not_meet_are_not_compared():
    every = {"a": trials(0, 0.5), "a2": trials(-0.1, 0.8), "b": trials(-0.2, 0.6), "b2": trials(-0.3, 0.9)}
    for row in matched({"a": ["a", "a2"], "b": ["b", "b2"]}, every):
        assert np.isnan([row["ndcg"], row["difference"], row["low"]]).all()
        assert row["verdict"] == "not shown"


def test_only_kinds_with_a_knob_are_curves():
    plain, turned = {"kind": "ease"}, {"kind": "ease", "ridge": 9.0}
    other = {"kind": "item-knn"}
    assert curves({"one": plain, "two": turned, "three": other}) == {}
    both = {"one": plain, "two": turned, "three": other, "four": {"kind": "item_knn", "recency": 0.5}}
    assert curves(both) == {"ease": ["one", "two"], "item_knn": ["three", "four"]}
    assert matched({}, {}) == []
