"""A few users whom very many know."""

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
class BarabasiAlbert(Graph):
    """Let users join one by one and tie themselves to those who have many ties already (Barabasi and Albert 1999).

    ties: ties that a user brings along.
    """

    ties: Annotated[int, Field(ge=1)] = 3

    def tie(self, traits: Traits, names: tuple[str, ...], streams: Streams) -> "networkx.Graph[int]":
        """Return the graph; raise InvalidInput for as many ties as users."""
        import networkx

        if self.ties >= len(names):
            raise InvalidInput(f"ties: {self.ties} must be less than the {len(names)} users")
        return networkx.barabasi_albert_graph(len(names), self.ties, seed=seed(streams))
