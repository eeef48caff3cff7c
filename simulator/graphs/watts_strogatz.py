"""Small worlds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from agents.errors import InvalidInput
from agents.traits import Traits
from simulator.graphs.base import Graph, seed
from simulator.seeds import Streams

if TYPE_CHECKING:
    import networkx


@dataclass
class WattsStrogatz(Graph):
    """Tie everybody to neighbors on a ring, then rewire some ties at random (Watts and Strogatz 1998).

    neighbors: ties of a user on the ring, an even number.
    rewire: share of ties that lead elsewhere.
    """

    neighbors: Annotated[int, Field(ge=2)] = 6
    rewire: Annotated[float, Field(ge=0, le=1)] = 0.1

    def tie(self, traits: Traits, names: tuple[str, ...], streams: Streams) -> "networkx.Graph[int]":
        """Return the graph; raise InvalidInput for more neighbors than users."""
        import networkx

        if self.neighbors >= len(names) or self.neighbors % 2:
            raise InvalidInput(f"neighbors: {self.neighbors} must be even and less than the {len(names)} users")
        graph: networkx.Graph[int] = networkx.watts_strogatz_graph(
            len(names), self.neighbors, self.rewire, seed=seed(streams)
        )
        return graph
