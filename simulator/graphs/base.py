"""What a social graph is."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from agents.traits import Traits
from simulator.seeds import Streams

if TYPE_CHECKING:
    import networkx

MOST_USERS = 200_000
"""networkx keeps a tie in about a kilobyte."""


class Graph(ABC):
    """Tie the simulated users to each other, once and before time starts."""

    @abstractmethod
    def tie(self, traits: Traits, names: tuple[str, ...], streams: Streams) -> "networkx.Graph[int]":
        """Return an undirected graph over the user ids 0..n-1, all of them, without loops.

        ``traits`` has a row per user, ``names`` are their outside names. Raise InvalidInput where the parameters do
        not suit so many users.
        """


def seed(streams: Streams) -> int:
    """Return the seed of a graph that networkx draws."""
    return int(streams.words("graph", 0) >> 32)
