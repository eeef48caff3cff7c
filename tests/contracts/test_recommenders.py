"""Every recommender of the folder keeps every rule of the contract, and the kit sees who does not."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from agents.schema import Floats
from simulator.components import build, find, names
from simulator.recommenders.base import Requests, Slates
from simulator.recommenders.conformance import RULES, conformance
from simulator.recommenders.item_knn import ItemKnn
from simulator.recommenders.popularity import Popularity
from simulator.recommenders.skip_markov import SkipMarkov


def smallest_spec(kind: str) -> dict[str, Any]:
    """The defaults, few passes where there are passes, and a plain recommender wherever one must be given."""
    fields = [field for field in dataclasses.fields(find("recommenders", kind)) if field.init]
    missing = (dataclasses.MISSING, dataclasses.MISSING)
    needed = {field.name: "item_knn" for field in fields if (field.default, field.default_factory) == missing}
    few = {name: n for name, n in (("epochs", 6), ("refit_epochs", 1)) if name in {field.name for field in fields}}
    return {"kind": kind, **needed, **few}


@pytest.mark.parametrize("kind", names("recommenders"))
def test_conforms(kind):
    spec = smallest_spec(kind)
    checks = list(conformance(lambda: build("recommenders", dict(spec))))
    assert len(checks) == len(RULES) + 1
    assert [(check.rule, check.problem) for check in checks if not check.passed] == []


def test_every_recommender_needed_is_there():
    assert {
        "random",
        "popularity",
        "item_knn",
        "ease",
        "skip_markov",
        "semantic_id",
        "sasrec",
        "hstu",
        "fallback",
    } <= set(names("recommenders"))


class DependsOnBatch(ItemKnn):
    def score(self, requests: Requests) -> Floats:
        scores = super().score(requests)
        return scores - scores.mean(axis=0)


class Remembers(ItemKnn):
    def recommend(self, requests: Requests, k: int) -> Slates:
        self._prior = self._prior + 1.0
        return super().recommend(requests, k)


class IgnoresExclusions(ItemKnn):
    def recommend(self, requests: Requests, k: int) -> Slates:
        nothing = np.zeros(len(requests) + 1, dtype=np.int64)
        return super().recommend(dataclasses.replace(requests, exclude=nothing[:0], exclude_starts=nothing), k)


class FillsSilently(ItemKnn):
    def recommend(self, requests: Requests, k: int) -> Slates:
        slates = super().recommend(requests, k)
        return dataclasses.replace(slates, item_id=np.where(slates.item_id < 0, 0, slates.item_id))


class FillsByRepetition(ItemKnn):
    def recommend(self, requests: Requests, k: int) -> Slates:
        slates = super().recommend(requests, k)
        return dataclasses.replace(slates, item_id=np.where(slates.item_id < 0, slates.item_id[:, :1], slates.item_id))


class ColdByNumber(ItemKnn):
    def score(self, requests: Requests) -> Floats:
        cold = np.diff(requests.starts) == 0
        return np.where(cold[:, None], -np.arange(len(self._prior), dtype=float), super().score(requests))


class FitsByChance(ItemKnn):
    def fit(self, log, catalog, *, rng, progress=None):
        super().fit(log, catalog, rng=rng)
        self._prior = self._prior * np.random.default_rng().random()


class LosesPrior(ItemKnn):
    def state(self):
        return {**super().state(), "prior": np.zeros_like(self._prior)}


class Popular(Popularity):
    reference = False


class NotSequential(ItemKnn):
    sequential = True


class ReadsNumbers(ItemKnn):
    def score(self, requests: Requests) -> Floats:
        return np.where(np.arange(len(self._prior)) < 25, 9.0, 0.0) + super().score(requests)


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (DependsOnBatch, "batch_does_not_matter"),
        (Remembers, "nothing_is_mutated"),
        (IgnoresExclusions, "slates_are_well_formed"),
        (FillsSilently, "short_lists_are_counted"),
        (FillsByRepetition, "short_lists_are_counted"),
        (ColdByNumber, "cold_policy_is_kept"),
        (FitsByChance, "fit_is_deterministic"),
        (LosesPrior, "state_round_trips"),
        (Popular, "popularity_is_beaten"),
        (Popular, "slates_do_not_collapse"),
        (NotSequential, "order_matters"),
        (ReadsNumbers, "numbering_tells_nothing"),
    ],
)
def test_kit_catches(broken, rule):
    failed = {check.rule for check in conformance(broken) if not check.passed}
    assert rule in failed


def test_an_exception_fails_one_rule_and_hides_no_other():
    class Raises(SkipMarkov):
        def state(self):
            raise RuntimeError("no state today")

    checks = {check.rule: check.problem for check in conformance(Raises)}
    assert checks["state_round_trips"] == "RuntimeError: no state today"
    assert not checks["popularity_is_beaten"]
