"""Agreement with RecTools and ranx, whose values tests/golden/make_golden.py froze; each difference is stated."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from agents.schema import Floats
from analysis.metrics.discover import metrics
from analysis.metrics.evidence import Evidence
from analysis.metrics.reading import Tables
from analysis.metrics.tables import read_evidence
from tests.command_line import ROOT

GOLDEN = ROOT / "tests" / "golden"
METRICS = {metric.name: metric for metric in metrics()}
SAME = ("ndcg_at_k", "recall_at_k", "precision_at_k", "hit_rate", "mrr", "miuf", "catalog_coverage")
FROZEN = {library: json.loads((GOLDEN / f"{library}.json").read_text())["values"] for library in ("rectools", "ranx")}
CASES = [(world, int(k)) for world, values in FROZEN["rectools"].items() for k in values]


def evidence(world: str, k: int) -> Evidence:
    paths = {name: GOLDEN / world / f"{name}.csv" for name in ("slates", "train", "test", "items")}
    return read_evidence(Tables(**paths), k).evidence


def per_user(name: str, given: Evidence) -> Floats:
    value = METRICS[name].measure(given)
    assert value is not None
    assert value.per_user is not None
    return value.per_user


def ours(name: str, given: Evidence) -> float:
    value = METRICS[name].measure(given)
    assert value is not None
    return value.value


def frozen(library: str, world: str, k: int, name: str) -> float:
    return float(FROZEN[library][world][str(k)][name])


@pytest.mark.parametrize(("world", "k"), CASES)
@pytest.mark.parametrize("name", SAME)
def test_rectools_agrees(world: str, k: int, name: str) -> None:
    assert ours(name, evidence(world, k)) == pytest.approx(frozen("rectools", world, k, name), rel=1e-12)


@pytest.mark.parametrize(("world", "k"), CASES)
@pytest.mark.parametrize("name", ["ndcg_at_k", "recall_at_k", "precision_at_k", "hit_rate", "mrr"])
def test_ranx_agrees(world: str, k: int, name: str) -> None:
    assert ours(name, evidence(world, k)) == pytest.approx(frozen("ranx", world, k, name.removesuffix("_at_k")))


def as_in_the_libraries(given: Evidence) -> float:
    """Divide each user's average precision by all its relevant items: ours divides by those that fit into k."""
    assert given.test is not None
    assert given.k is not None
    fitting = np.minimum(given.test.lengths, given.k)
    return float(np.mean(per_user("map", given) * fitting / given.test.lengths))


def in_takings(given: Evidence) -> float:
    """Turn shares of users into counts: RecTools' popularity is the number of interactions."""
    assert given.population is not None
    return ours("arp", given) * given.population


def differing_features(given: Evidence) -> float:
    """Count differing genres, lists of one item with 0: RecTools' distance is no share, and it skips nobody."""
    assert given.genres is not None
    return float(np.nan_to_num(per_user("intra_list_diversity_hamming", given)).mean()) * given.genres.shape[1]


def over_what_is_there(given: Evidence) -> float:
    """Divide each user's serendipity by the items it was shown: ours divides by k, as precision does."""
    assert given.k is not None
    return float(np.mean(per_user("serendipity", given) * given.k / given.slates.lengths))


@pytest.mark.parametrize(("world", "k"), CASES)
@pytest.mark.parametrize(
    ("library", "name", "converted"),
    [
        ("rectools", "map", as_in_the_libraries),
        ("ranx", "map", as_in_the_libraries),
        ("rectools", "arp", in_takings),
        ("rectools", "serendipity", over_what_is_there),
        ("rectools", "intra_list_diversity_hamming", differing_features),
    ],
)
def test_known_differences_are_of_definition(
    world: str, k: int, library: str, name: str, converted: Callable[[Evidence], float]
) -> None:
    assert converted(evidence(world, k)) == pytest.approx(frozen(library, world, k, name), rel=1e-12)


def test_average_precision_differs_where_more_is_relevant_than_k() -> None:
    assert ours("map", evidence("ranking", 1)) > frozen("ranx", "ranking", 1, "map") * 1.5
    assert ours("map", evidence("ranking", 10)) == pytest.approx(frozen("ranx", "ranking", 10, "map"))


def test_serendipity_differs_where_lists_are_short() -> None:
    for k, same in ((3, True), (10, False)):
        value = ours("serendipity", evidence("ranking", k))
        assert (value == pytest.approx(frozen("rectools", "ranking", k, "serendipity"))) == same
