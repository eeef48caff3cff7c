"""Figures of ties, camps and clusters: agreement with networkx, scipy and scikit-learn, and what their nulls say."""

import networkx as nx
import numpy as np
import pytest
from scipy.spatial.distance import jaccard
from scipy.stats import kurtosis, pearsonr, skew
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score

from analysis.metrics.beside_ideal import nearest_neighbors
from analysis.metrics.clusters import calinski_harabasz, cluster_ari
from analysis.metrics.controversy import random_walk_controversy
from analysis.metrics.lists import Lists
from analysis.metrics.network import attribute_assortativity, ei_index, modularity, neighbor_correlation_index
from analysis.metrics.polarization import bimodality_coefficient, esteban_ray_polarization
from analysis.metrics.space import FEWEST_TAKERS, fit_space
from analysis.metrics.ties import Ties, shuffled

BRIDGED = Ties.of(np.array([0, 0, 1, 2, 3, 3, 4]), np.array([1, 2, 2, 3, 4, 5, 5]), 6)
TRIANGLES = np.array([0, 0, 0, 1, 1, 1])
NETWORK = (ei_index, attribute_assortativity, modularity, random_walk_controversy)


def graph(seed: int, n: int = 60) -> tuple[nx.Graph, Ties]:
    made = nx.gnp_random_graph(n, 0.08, seed=seed)
    return made, Ties.of(*np.array(made.edges, dtype=np.int64).T, n)


def two_worlds(seed: int, across: float) -> Ties:
    made = nx.stochastic_block_model([40, 40], [[0.2, across], [across, 0.2]], seed=seed)
    return Ties.of(*np.array(made.edges, dtype=np.int64).T, 80)


CAMPS = np.repeat([0, 1], 40)


def test_worked_values_of_two_triangles_and_a_bridge() -> None:
    assert float(modularity(TRIANGLES, BRIDGED)) == pytest.approx(0.357143, abs=5e-7)
    assert float(random_walk_controversy(TRIANGLES, BRIDGED, hubs=1)) == pytest.approx(1.0)
    assert float(ei_index(TRIANGLES, BRIDGED)) == pytest.approx((1 - 6) / 7)


@pytest.mark.parametrize("seed", range(5))
def test_assortativity_and_modularity_are_networkx(seed: int) -> None:
    made, ties = graph(seed)
    camp = np.random.default_rng(seed).integers(0, 4, 60)
    nx.set_node_attributes(made, dict(enumerate(camp.tolist())), "camp")
    parts = [set(np.flatnonzero(camp == code).tolist()) for code in range(4)]
    assert float(modularity(camp, ties)) == pytest.approx(nx.community.modularity(made, parts))
    expected = nx.attribute_assortativity_coefficient(made, "camp")
    assert float(attribute_assortativity(camp, ties)) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_users_in_no_camp_are_as_if_they_were_not_there(seed: int) -> None:
    made, ties = graph(seed)
    camp = np.random.default_rng(seed).integers(-1, 3, 60)
    inside = made.subgraph(np.flatnonzero(camp >= 0).tolist())
    parts = [set(np.flatnonzero(camp == code).tolist()) for code in range(3)]
    value = modularity(camp, ties)
    assert value.value == pytest.approx(nx.community.modularity(inside, parts))
    assert (value.n, value.n_skipped) == (int((camp >= 0).sum()), int((camp < 0).sum()))


@pytest.mark.parametrize("seed", range(3))
def test_neighbor_correlation_is_scipys_over_networkx_neighbors(seed: int) -> None:
    made, ties = graph(seed)
    leaning = np.random.default_rng(seed).normal(size=60)
    tied = [user for user in made if made.degree[user]]
    around = [np.mean([leaning[other] for other in made[user]]) for user in tied]
    expected = pearsonr(leaning[tied], around).statistic
    assert float(neighbor_correlation_index(leaning, ties)) == pytest.approx(expected)


def walked(made: nx.Graph, camp: np.ndarray, hubs: int) -> float:
    """Return RWC from the absorption matrix N R of the transition matrix, node by node."""
    part = sorted(max(nx.connected_components(made), key=len))
    chance = nx.to_numpy_array(made, nodelist=part)
    degree = chance.sum(axis=1)
    chance /= degree[:, None]
    side = camp[part]
    order = np.argsort(-degree, kind="stable")
    ends = [order[side[order] == code][:hubs] for code in (0, 1)]
    absorbing = np.concatenate(ends)
    rest = np.setdiff1d(np.arange(len(part)), absorbing)
    into = np.linalg.inv(np.eye(len(rest)) - chance[np.ix_(rest, rest)]) @ chance[np.ix_(rest, absorbing)]
    to_x = np.zeros(len(part))
    to_x[ends[0]], to_x[rest] = 1, into[:, :hubs].sum(axis=1)
    a, b = to_x[side == 0].mean(), to_x[side == 1].mean()
    ended = {"XX": a / (a + b), "YX": b / (a + b), "YY": (1 - b) / (2 - a - b), "XY": (1 - a) / (2 - a - b)}
    return ended["XX"] * ended["YY"] - ended["YX"] * ended["XY"]


@pytest.mark.parametrize("hubs", [1, 4, 10])
def test_controversy_is_that_of_the_absorbing_chain(hubs: int) -> None:
    for seed in range(4):
        made, ties = graph(seed)
        camp = np.random.default_rng(seed).integers(0, 2, 60)
        assert float(random_walk_controversy(camp, ties, hubs)) == pytest.approx(walked(made, camp, hubs))


def test_a_network_of_two_worlds_is_far_from_chance_and_one_of_none_is_not() -> None:
    for metric in NETWORK:
        apart, mixed = metric(CAMPS, two_worlds(1, 0.01)), metric(CAMPS, two_worlds(1, 0.2))
        assert apart.null is not None
        assert mixed.null is not None
        assert abs(apart.null.z(apart.value)) > 5, metric.__name__
        assert abs(mixed.null.z(mixed.value)) < 3, metric.__name__


def test_null_means_are_what_theory_says() -> None:
    ties = two_worlds(2, 0.05)
    for metric, expected in ((ei_index, 1 / 79), (attribute_assortativity, -1 / 79), (modularity, 0.0)):
        value = metric(CAMPS, ties)
        assert value.null is not None
        assert value.null.mean == pytest.approx(expected, abs=4 * value.null.sd / np.sqrt(50)), metric.__name__


def test_rewiring_keeps_degrees_and_lots_keep_values() -> None:
    first, second = BRIDGED.rewired()
    for draw in range(len(first)):
        ends = np.concatenate([first[draw], second[draw]])
        assert np.bincount(ends, minlength=6).tolist() == BRIDGED.degree.tolist()
    dealt = shuffled(TRIANGLES)
    assert (np.sort(dealt, axis=1) == TRIANGLES).all()
    assert len({tuple(row) for row in dealt.tolist()}) > 10
    assert (shuffled(TRIANGLES) == dealt).all()


@pytest.mark.parametrize("metric", NETWORK)
def test_without_ties_or_with_one_camp_there_is_no_figure(metric) -> None:
    nobody = Ties.of(np.empty(0, np.int64), np.empty(0, np.int64), 6)
    assert np.isnan(float(metric(TRIANGLES, nobody)))
    assert np.isnan(float(metric(np.full(6, -1), BRIDGED)))
    if metric in (attribute_assortativity, random_walk_controversy):
        assert np.isnan(float(metric(np.zeros(6, np.int64), BRIDGED)))


def test_bimodality_is_from_scipys_moments() -> None:
    random = np.random.default_rng(4)
    for x in (random.normal(size=200), random.random(300), np.append(random.normal(size=50), random.normal(9, 1, 70))):
        n = len(x)
        k = kurtosis(x, bias=False) + 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))
        assert float(bimodality_coefficient(x)) == pytest.approx((skew(x, bias=False) ** 2 + 1) / k)
    assert float(bimodality_coefficient(np.linspace(0, 1, 5000))) == pytest.approx(5 / 9, abs=1e-3)


def test_polarization_is_largest_with_half_at_each_end() -> None:
    random = np.random.default_rng(3)
    span = (-1.0, 1.0)
    halves = np.repeat([-1.0, 1.0], 50)
    assert float(esteban_ray_polarization(halves, span)) == pytest.approx(1.0)
    for _ in range(20):
        assert float(esteban_ray_polarization(random.uniform(-1, 1, 100), span)) < 1
    x = random.uniform(-1, 1, 100)
    place = np.minimum(((x + 1) / 2 * 10).astype(int), 9)
    p = [np.mean(place == code) for code in range(10)]
    pairs = sum(p[i] ** 2 * p[j] * abs(i - j) / 9 for i in range(10) for j in range(10))
    assert float(esteban_ray_polarization(x, span)) == pytest.approx(4 * pairs)


def communities(seed: int = 0, n_users: int = 300, n_items: int = 90) -> Lists:
    """Return histories of three communities, each with items of its own and some of others'."""
    random = np.random.default_rng(seed)
    home = np.arange(n_users) % 3
    chance = np.where(home[:, None] == np.arange(n_items) % 3, 0.3, 0.05)
    taken = random.random((n_users, n_items)) < chance
    return Lists.of(*(side.astype(np.int64) for side in np.nonzero(taken)), n_users)


def test_the_space_is_that_of_correspondence_analysis() -> None:
    histories = communities()
    space = fit_space(histories, histories, 90)
    assert space is not None
    taken = np.zeros((300, 90))
    taken[histories.owner, histories.item] = 1
    share = taken / taken.sum()
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    left, value, _ = np.linalg.svd((share - np.outer(rows, columns)) / np.sqrt(np.outer(rows, columns)))
    principal = left[:, :2] * value[:2] / np.sqrt(rows)[:, None]
    for axis in range(2):
        assert abs(pearsonr(space.profiles[:, axis], principal[:, axis]).statistic) == pytest.approx(1, abs=1e-6)
        assert np.abs(space.profiles[:, axis]) == pytest.approx(np.abs(principal[:, axis]), abs=1e-6)


def test_rare_items_have_no_place_and_few_histories_no_space() -> None:
    histories = communities()
    rare = Lists.of(np.append(histories.owner, 0), np.append(histories.item, 90), 300)
    space = fit_space(rare, rare, 91)
    assert space is not None
    assert FEWEST_TAKERS > 1
    assert not space.placed[90]
    assert space.positions(rare) == pytest.approx(space.positions(histories))
    assert fit_space(histories.take(np.arange(3)), histories, 90) is None


def test_clusters_are_scikit_learns_and_find_the_communities() -> None:
    histories = communities()
    space = fit_space(histories, histories, 90)
    assert space is not None
    positions = space.positions(communities(1))
    found = KMeans(len(space.centers), init=space.centers, n_init=1).fit(positions).labels_
    assert float(calinski_harabasz(positions, space)) == pytest.approx(calinski_harabasz_score(positions, found))
    same = adjusted_rand_score(space.clusters(space.profiles), found)
    assert float(cluster_ari(positions, space.profiles, space)) == pytest.approx(same)
    strangers = space.positions(histories.take(np.arange(300)))[np.random.default_rng(2).permutation(300)]
    assert float(cluster_ari(strangers, space.profiles, space)) == pytest.approx(0, abs=0.05)
    assert same > 0.3


def test_neighbors_are_the_nearest_by_scipys_distance() -> None:
    histories = communities(n_users=40)
    taken = np.zeros((40, 90), dtype=bool)
    taken[histories.owner, histories.item] = True
    distance = np.array([[jaccard(a, b) for b in taken] for a in taken]) + 2 * np.eye(40)
    assert nearest_neighbors(histories).tolist() == distance.argmin(axis=1).tolist()
