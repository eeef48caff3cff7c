"""Birds of a feather."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from agents.errors import InvalidInput
from agents.schema import Floats
from agents.traits import Traits
from simulator.graphs.base import Graph
from simulator.seeds import Streams

if TYPE_CHECKING:
    import networkx


@dataclass
class Homophily(Graph):
    """Tie each user to others drawn with chances that grow with likeness of taste.

    ties: ties that a user draws; it gets about as many from others.
    strength: weight exp(strength x cosine of tastes) of being drawn; 0 ties at random.
    """

    ties: Annotated[int, Field(ge=1)] = 3
    strength: Annotated[float, Field(ge=0)] = 4.0

    def tie(self, traits: Traits, names: tuple[str, ...], streams: Streams) -> "networkx.Graph[int]":
        """Return the graph; raise InvalidInput for as many ties as users."""
        import networkx

        n = len(names)
        if self.ties >= n:
            raise InvalidInput(f"ties: {self.ties} must be less than the {n} users")
        graph: networkx.Graph[int] = networkx.empty_graph(n)
        tastes = traits.tastes.astype(np.float64)
        tastes /= np.maximum(np.sqrt(np.einsum("ug,ug->u", tastes, tastes)), 1e-12)[:, None]
        for user in range(n):
            drawn = self._drawn(np.einsum("ug,g->u", tastes, tastes[user]), user, streams)
            graph.add_edges_from((user, friend) for friend in drawn)
        return graph

    def _drawn(self, likeness: Floats, user: int, streams: Streams) -> list[int]:
        """Return different others, drawn without replacement by weight (Gumbel top-k)."""
        chance = streams.uniform("tie", user, np.arange(len(likeness)))
        key = self.strength * likeness - np.log(-np.log(chance + 2.0**-54))
        key[user] = -np.inf
        chosen: list[int] = np.argsort(-key, kind="stable")[: self.ties].tolist()
        return chosen
