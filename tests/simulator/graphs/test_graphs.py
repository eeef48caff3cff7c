"""What holds for every social graph, and what each is made for."""

from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from agents.errors import InvalidInput
from agents.traits import Traits
from simulator.components import build
from simulator.graphs.base import Graph
from simulator.seeds import Streams

N = 120
NAMES = tuple(f"u{user}" for user in range(N))
SPECS = [
    {"kind": "watts_strogatz"},
    {"kind": "barabasi_albert"},
    {"kind": "stochastic_block"},
    {"kind": "homophily"},
]


def traits() -> Traits:
    """Users of two tastes."""
    made = Traits.room(("a", "b"), N)
    made.tastes[:] = np.where(np.arange(N)[:, None] % 2 == np.arange(2), 1.0, -1.0)
    return made


def tied(spec: dict[str, object], seed: int = 3) -> nx.Graph:
    graph: Graph = build("graphs", spec)
    return graph.tie(traits(), NAMES, Streams(seed))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec["kind"])
def test_a_graph_ties_all_users_and_nobody_to_itself(spec: dict[str, object]) -> None:
    graph = tied(spec)
    assert set(graph) == set(range(N))
    assert nx.number_of_selfloops(graph) == 0
    assert not graph.is_directed()
    assert 4 < 2 * graph.number_of_edges() / N < 8
    assert nx.utils.graphs_equal(graph, tied(spec))
    assert set(graph.edges) != set(tied(spec, seed=4).edges)


def test_homophily_ties_like_to_like() -> None:
    shares = []
    for strength in (0.0, 4.0):
        edges = np.array(tied({"kind": "homophily", "strength": strength}).edges)
        shares.append((edges[:, 0] % 2 == edges[:, 1] % 2).mean())
    assert 0.4 < shares[0] < 0.6
    assert shares[1] > 0.95


def test_blocks_are_tied_within() -> None:
    graph = tied({"kind": "stochastic_block", "blocks": 3, "within": 0.9})
    block = nx.get_node_attributes(graph, "block")
    assert sorted(np.bincount(list(block.values())).tolist()) == [40, 40, 40]
    assert np.mean([block[one] == block[other] for one, other in graph.edges]) > 0.8


def test_a_few_users_have_most_ties() -> None:
    degree = sorted(dict(tied({"kind": "barabasi_albert"}).degree).values())
    assert degree[-1] > 4 * degree[N // 2]


def test_ties_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "ties.csv"
    path.write_text("u0,u3\nu3,u7\nu0,nobody\n\nu3,u0\n")
    assert set(tied({"kind": "file", "path": str(path)}).edges) == {(0, 3), (3, 7)}


@pytest.mark.parametrize(
    ("text", "said"),
    [("u0\n", "ties.csv:1: 'u0' is not two names"), ("u0,u1\nu2,u2\n", "ties.csv:2: 'u2' is tied"), ("x,y\n", "none")],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "ties.csv"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=said):
        tied({"kind": "file", "path": str(path)})


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "watts_strogatz", "neighbors": 7},
        {"kind": "watts_strogatz", "neighbors": 200},
        {"kind": "barabasi_albert", "ties": 120},
        {"kind": "homophily", "ties": 120},
        {"kind": "stochastic_block", "blocks": 121},
        {"kind": "file", "path": "nowhere.csv"},
    ],
    ids=str,
)
def test_what_does_not_suit_is_refused(spec: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        tied(spec)
