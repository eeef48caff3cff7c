"""Agreement with independent libraries, and with the plain formula where none has it."""

from itertools import combinations

import numpy as np
import pytest
from scipy.spatial.distance import cosine, hamming, jaccard, jensenshannon
from scipy.stats import entropy, rankdata, spearmanr
from sklearn.metrics import auc, average_precision_score, ndcg_score

from analysis.metrics.accuracy import average_precision, ndcg_at_k
from analysis.metrics.concentration import exposure_entropy, gini_index, lorenz_curve
from analysis.metrics.correlation import grouped_spearman, midranks, spearman
from analysis.metrics.equality import pop_reo, pop_rsp, popq_at_1, pri, pru
from analysis.metrics.homogenization import inter_list_diversity, mean_pairwise_jaccard
from analysis.metrics.lists import Lists
from analysis.metrics.novelty import unexpectedness
from analysis.metrics.strata import head_tail
from analysis.metrics.taste import js_divergence, miscalibration_kl
from analysis.metrics.variety import (
    RAREFIED_ITEMS,
    distinct_places,
    genre_shares,
    intra_list_diversity,
    intra_list_diversity_hamming,
    intra_list_diversity_jaccard,
    topic_entropy,
    topic_entropy_rarefied,
)

RANDOM = np.random.default_rng(20)
N_USERS, N_ITEMS, K = 30, 40, 10
SLATES = np.stack([RANDOM.permutation(N_ITEMS)[:K] for _ in range(N_USERS)])
LISTS = Lists.of_matrix(SLATES)
PROFILES = np.stack([RANDOM.permutation(N_ITEMS)[:7] for _ in range(N_USERS)])
COUNTS = np.bincount(SLATES.ravel(), minlength=N_ITEMS).astype(np.float64)
RELEVANT = np.stack([RANDOM.permutation(N_ITEMS)[:9] for _ in range(N_USERS)])
POPULARITY = np.bincount(PROFILES.ravel(), minlength=N_ITEMS).astype(np.float64)
GENRES = (RANDOM.random((N_ITEMS, 6)) < 0.35).astype(np.float64)
GENRES[GENRES.sum(axis=1) == 0, 0] = 1


def test_entropy_is_scipys() -> None:
    assert float(exposure_entropy(COUNTS)) == pytest.approx(entropy(COUNTS))
    rows = [entropy(row, base=2) for row in genre_shares(LISTS, GENRES)]
    assert float(topic_entropy(LISTS, GENRES)) == pytest.approx(np.mean(rows))


def test_gini_is_scikit_learns_area_under_the_lorenz_curve() -> None:
    area = auc(np.linspace(0, 1, N_ITEMS + 1), lorenz_curve(COUNTS))
    assert float(gini_index(COUNTS)) == pytest.approx(1 - 2 * area)


def test_ndcg_is_scikit_learns_on_full_rankings() -> None:
    full = np.stack([RANDOM.permutation(N_ITEMS) for _ in range(N_USERS)])
    relevant = RANDOM.random((N_USERS, N_ITEMS)) < 0.2
    relevant[:, 0] = True
    score = np.empty((N_USERS, N_ITEMS))
    np.put_along_axis(score, full, np.tile(-np.arange(N_ITEMS, dtype=np.float64), (N_USERS, 1)), axis=1)
    test = Lists.of(*(side.astype(np.int64) for side in np.nonzero(relevant)), N_USERS)
    for k in (1, 5, N_ITEMS):
        assert float(ndcg_at_k(Lists.of_matrix(full), test, k)) == pytest.approx(ndcg_score(relevant, score, k=k))
    expected = np.mean([average_precision_score(r, s) for r, s in zip(relevant, score, strict=True)])
    assert float(average_precision(Lists.of_matrix(full), test, N_ITEMS)) == pytest.approx(expected)


def test_divergences_are_scipys() -> None:
    p, q = RANDOM.dirichlet(np.ones(4), 20), RANDOM.dirichlet(np.ones(4), 20)
    expected = [jensenshannon(a, b, base=2) ** 2 for a, b in zip(p, q, strict=True)]
    assert js_divergence(p, q) == pytest.approx(np.array(expected))
    history, shown = genre_shares(Lists.of_matrix(PROFILES), GENRES), genre_shares(LISTS, GENRES)
    kl = [entropy(a, 0.99 * b + 0.01 * a) for a, b in zip(history, shown, strict=True)]
    assert float(miscalibration_kl(LISTS, Lists.of_matrix(PROFILES), GENRES)) == pytest.approx(np.mean(kl))


def test_rank_correlation_is_scipys() -> None:
    x, y = RANDOM.integers(0, 6, 60).astype(np.float64), RANDOM.integers(0, 6, 60).astype(np.float64)
    assert midranks(x).tolist() == rankdata(x).tolist()
    assert spearman(x, y) == pytest.approx(spearmanr(x, y).statistic)
    group = RANDOM.integers(0, 4, 60)
    expected = [spearmanr(x[group == g], y[group == g]).statistic for g in range(4)]
    assert grouped_spearman(group, x, y, 4) == pytest.approx(np.array(expected))


@pytest.mark.parametrize(
    ("metric", "distance"),
    [
        (intra_list_diversity, cosine),
        (intra_list_diversity_hamming, hamming),
        (intra_list_diversity_jaccard, lambda a, b: jaccard(a > 0, b > 0)),
    ],
)
def test_intra_list_diversity_is_scipys_distance_over_all_pairs(metric, distance) -> None:
    users = [np.mean([distance(GENRES[a], GENRES[b]) for a, b in combinations(slate, 2)]) for slate in SLATES]
    assert float(metric(LISTS, GENRES)) == pytest.approx(np.mean(users))


def test_unexpectedness_is_scipys_distance_to_the_profile() -> None:
    users = [
        np.mean([cosine(GENRES[a], GENRES[b]) for a in slate for b in profile])
        for slate, profile in zip(SLATES, PROFILES, strict=True)
    ]
    assert float(unexpectedness(LISTS, Lists.of_matrix(PROFILES), GENRES)) == pytest.approx(np.mean(users))


def test_pairwise_overlap_is_that_of_sets() -> None:
    sets = [set(slate.tolist()) for slate in SLATES]
    pairs = list(combinations(sets, 2))
    assert float(mean_pairwise_jaccard(LISTS)) == pytest.approx(np.mean([len(a & b) / len(a | b) for a, b in pairs]))
    assert float(inter_list_diversity(LISTS, K)) == pytest.approx(1 - np.mean([len(a & b) / K for a, b in pairs]))


def test_overlap_counts_across_blocks_of_the_catalog() -> None:
    far = Lists.of_matrix(np.array([[0, 2047, 2048, 9000], [9000, 2048, 5, 0]]))
    assert float(mean_pairwise_jaccard(far)) == pytest.approx(3 / 5)


def test_rarefied_entropy_estimates_the_mean_over_all_subsets() -> None:
    slate = SLATES[0][: RAREFIED_ITEMS + 2]
    subsets = Lists.of_matrix(np.array(list(combinations(slate, RAREFIED_ITEMS))))
    many = Lists.of_matrix(np.tile(slate, (500, 1)))
    exact = float(topic_entropy(subsets, GENRES))
    assert float(topic_entropy_rarefied(many, GENRES)) == pytest.approx(exact, abs=0.01)


def test_places_are_distinct_and_every_place_is_as_likely() -> None:
    places = distinct_places(np.full(6000, 8), 3, np.random.default_rng(2))
    assert all(row == sorted(set(row)) for row in places[:500].tolist())
    assert np.bincount(places.ravel(), minlength=8) == pytest.approx(np.full(8, 6000 * 3 / 8), rel=0.06)


def test_chances_of_head_and_tail_are_counted_user_by_user() -> None:
    head = head_tail(POPULARITY)
    for k in (3, K):
        shown, relevant, candidates = np.zeros(2), np.zeros(2), np.zeros(2)
        hits = np.zeros(2)
        for slate, profile, wanted in zip(SLATES, PROFILES, RELEVANT, strict=True):
            for side, group in enumerate((set(np.flatnonzero(head.mask)), set(np.flatnonzero(head.tail)))):
                shown[side] += len(group & set(slate))
                candidates[side] += len(group - set(profile))
                relevant[side] += len(group & set(wanted))
                hits[side] += len(group & set(wanted) & set(slate[:k]))
        chance = hits / relevant
        value = pop_reo(LISTS, Lists.of_matrix(RELEVANT), head, k)
        assert float(value) == pytest.approx(np.std(chance) / np.mean(chance))
        chance = shown / candidates
        value = pop_rsp(LISTS, Lists.of_matrix(PROFILES), head, N_ITEMS)
        assert float(value) == pytest.approx(np.std(chance) / np.mean(chance))


def test_popularity_rank_correlations_are_scipys() -> None:
    relevant, ranks = Lists.of_matrix(RELEVANT), [[] for _ in range(N_ITEMS)]
    per_user = []
    for slate, wanted in zip(SLATES, RELEVANT, strict=True):
        rows = [(POPULARITY[item], rank) for rank, item in enumerate(slate, 1) if item in wanted]
        for rank, item in enumerate(slate, 1):
            if item in wanted:
                ranks[item].append(rank)
        if len({popularity for popularity, _ in rows}) > 1:
            per_user.append(-spearmanr(*zip(*rows, strict=True)).statistic)
    value = pru(LISTS, relevant, POPULARITY)
    assert float(value) == pytest.approx(np.mean(per_user))
    assert value.n == len(per_user)
    seen = [item for item in range(N_ITEMS) if ranks[item]]
    expected = -spearmanr(POPULARITY[seen], [np.mean(ranks[item]) for item in seen]).statistic
    assert float(pri(LISTS, relevant, POPULARITY)) == pytest.approx(expected)


def test_the_first_items_quantile_is_about_a_half_by_chance_and_none_for_the_most_popular() -> None:
    popularity = np.arange(N_ITEMS, 0.0, -1)
    first = np.mean([(rankdata(-popularity)[slate[0]] - 0.5) / N_ITEMS for slate in SLATES])
    assert float(popq_at_1(LISTS, popularity, N_ITEMS)) == pytest.approx(first)
    everybody = Lists.of_matrix(np.arange(N_ITEMS)[:, None])
    assert float(popq_at_1(everybody, popularity, N_ITEMS)) == pytest.approx(0.5)
    assert float(popq_at_1(Lists.of_matrix(np.zeros((5, 1), np.int64)), popularity, N_ITEMS)) < 0.02
