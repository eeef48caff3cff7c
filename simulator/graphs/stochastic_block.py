"""Communities that have nothing to do with taste: the control for homophily."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from agents.errors import InvalidInput
from agents.traits import Traits
from simulator.graphs.base import Graph, seed
from simulator.seeds import Streams

if TYPE_CHECKING:
    import networkx


@dataclass
class StochasticBlock(Graph):
    """Divide users into equal blocks by lot and tie them more within than between (Holland et al. 1983).

    blocks: communities.
    degree: mean number of ties of a user.
    within: share of these ties that stay in the own block.
    """

    blocks: Annotated[int, Field(ge=1)] = 4
    degree: Annotated[float, Field(gt=0)] = 6.0
    within: Annotated[float, Field(ge=0, le=1)] = 0.9

    def tie(self, traits: Traits, names: tuple[str, ...], streams: Streams) -> "networkx.Graph[int]":
        """Return the graph, each user's block in the node attribute ``block``."""
        import networkx

        n = len(names)
        if self.blocks > n:
            raise InvalidInput(f"blocks: {self.blocks} is more than the {n} users")
        order = np.argsort(streams.uniform("block", np.arange(n)), kind="stable")
        sizes = [len(part) for part in np.array_split(order, self.blocks)]
        size = n / self.blocks
        inside = min(self.degree * self.within / max(size - 1, 1), 1.0)
        outside = min(self.degree * (1 - self.within) / max(n - size, 1), 1.0)
        chances = np.full((self.blocks, self.blocks), outside)
        np.fill_diagonal(chances, inside)
        nodes = order.tolist()
        return networkx.stochastic_block_model(sizes, chances.tolist(), nodelist=nodes, seed=seed(streams))
