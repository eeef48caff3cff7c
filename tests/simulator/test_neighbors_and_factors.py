"""Factor models against the library that fits them, neighborhoods against counting by hand."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit

from agents.schema import Item
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.bpr import Bpr
from simulator.recommenders.ials import Ials
from simulator.recommenders.item_knn import ItemKnn
from simulator.recommenders.linear import taken
from simulator.recommenders.planted import Planted, requests_of
from simulator.recommenders.user_knn import UserKnn, decayed_log

WORLD = Planted.shuffled(users=240, length=12)


def fitted(recommender, log=WORLD.log, catalog=WORLD.catalog):
    recommender.fit(log, catalog, rng=np.random.default_rng(0))
    return recommender


def small(*rows: tuple[int, int], items: int = 5) -> tuple[Interactions, Catalog]:
    user, item = (np.array(column) for column in zip(*rows, strict=True))
    catalog = Catalog(tuple(Item(i, str(i), ()) for i in range(items)), tuple(map(str, range(items))))
    empty = np.full(len(rows), np.nan)
    return Interactions(user, item, empty, np.arange(float(len(rows))), np.zeros(len(rows), bool)), catalog


def test_a_users_factors_are_those_the_library_would_give():
    from implicit.cpu.als import AlternatingLeastSquares

    ours = fitted(Ials(factors=16, confidence=4.0, regularization=2.0))
    theirs = AlternatingLeastSquares(16, regularization=2.0, alpha=4.0, iterations=10, num_threads=1, random_state=0)
    theirs.item_factors = ours.state()["items"].astype(np.float32)
    history = sparse.csr_matrix(taken(WORLD.log, len(WORLD.catalog)), dtype=np.float32)[:40]
    expected = theirs.recalculate_user(np.arange(40), history) @ theirs.item_factors.T
    scores = ours.score(requests_of([*WORLD.taken[:40]], [*WORLD.taken[:40]]))
    np.testing.assert_allclose(scores, expected, atol=2e-4)


def test_recency_takes_an_old_entry_out_of_a_users_equation():
    forgetful = fitted(Ials(recency=0.001))
    told = [WORLD.taken[0][:6], WORLD.taken[0][5:6]]
    long, short = forgetful.score(requests_of(told, told))
    np.testing.assert_allclose(long, short, atol=0.05)
    plain = fitted(Ials()).score(requests_of(told, told))
    assert np.abs(plain[0] - plain[1]).max() > 0.2


def test_newtons_steps_reach_the_maximum_of_the_objective():
    bpr = fitted(Bpr(iterations=20))
    items, weight = WORLD.taken[3], 0.8 ** np.arange(len(WORLD.taken[3]))[::-1]
    found = bpr.user(items, weight)
    better = bpr._items[items] - bpr._average
    share = weight / weight.sum()
    slope = (share * expit(-better @ found)) @ better[:, :-1] - bpr.regularization * found[:-1]
    assert np.abs(slope).max() < 1e-3 * np.abs(share @ better[:, :-1]).max()


@pytest.mark.parametrize("kind", [Ials, Bpr])
def test_another_seed_gives_other_factors(kind):
    one, other = kind(iterations=2), kind(iterations=2)
    one.fit(WORLD.log, WORLD.catalog, rng=np.random.default_rng(0))
    other.fit(WORLD.log, WORLD.catalog, rng=np.random.default_rng(1))
    assert not np.array_equal(one.state()["items"], other.state()["items"])


def test_the_nearest_users_vote_by_their_similarity():
    log, catalog = small((0, 0), (0, 1), (0, 2), (1, 0), (1, 3), (2, 4))
    scores = fitted(UserKnn(neighbors=2), log, catalog).score(requests_of([np.array([0, 1])], [np.array([0])]))
    near, far = 2 / np.sqrt(2 * 3), 1 / np.sqrt(2 * 2)
    np.testing.assert_allclose(scores[0], [near + far, near, near, far, 0.0], atol=1e-5)
    alone = fitted(UserKnn(neighbors=1), log, catalog).score(requests_of([np.array([0, 1])], [np.array([0])]))
    np.testing.assert_allclose(alone[0], [near, near, near, 0.0, 0.0], atol=1e-5)


def test_what_a_neighbor_took_again_counts_by_its_newest_time():
    log, _ = small((7, 1), (3, 4), (7, 2), (7, 1))
    np.testing.assert_allclose(decayed_log(log, 5, 0.5).toarray(), [[0, 0, 0, 0, 1], [0, 1, 0.5, 0, 0]])


def test_an_items_neighbors_are_the_most_similar_ties_by_number():
    knn = fitted(ItemKnn(neighbors=3, shrink=1.0))
    matrix = taken(WORLD.log, len(WORLD.catalog)).toarray()
    together, size = matrix.T @ matrix, np.sqrt(matrix.sum(axis=0))
    cosine = together / (size[:, None] * size + 1.0)
    np.fill_diagonal(cosine, 0.0)
    for item in range(0, len(WORLD.catalog), 17):
        near = sorted(np.flatnonzero(cosine[:, item]), key=lambda other: (-cosine[other, item], other))[:3]
        expected = np.zeros(len(cosine), dtype=np.float32)
        expected[near] = cosine[near, item]
        np.testing.assert_array_equal(knn._weights[:, [item]].toarray()[:, 0], expected)
