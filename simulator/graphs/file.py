"""Ties from a file."""

from csv import reader
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.errors import InvalidInput
from agents.traits import Traits
from simulator.graphs.base import Graph
from simulator.seeds import Streams

if TYPE_CHECKING:
    import networkx


@dataclass
class File(Graph):
    """Read ties from a text file: two outside names of users a line, separated by a comma.

    path: the file; ties of users who are not simulated are left out.
    """

    path: Path

    def tie(self, traits: Traits, names: tuple[str, ...], streams: Streams) -> "networkx.Graph[int]":
        """Return the graph; raise InvalidInput for a missing file, a malformed line, or no tie at all."""
        import networkx

        graph: networkx.Graph[int] = networkx.empty_graph(len(names))
        place = {name: user for user, name in enumerate(names)}
        for number, (one, other) in self._lines():
            if one == other:
                raise InvalidInput(f"{self.path}:{number}: {one!r} is tied to itself")
            if one in place and other in place:
                graph.add_edge(place[one], place[other])
        if not graph.number_of_edges():
            raise InvalidInput(f"{self.path} ties none of the simulated users; its names are those of the data's users")
        return graph

    def _lines(self) -> list[tuple[int, tuple[str, str]]]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{self.path} cannot be read as a list of ties: {error}") from error
        found = []
        for number, row in enumerate(reader(text.splitlines()), start=1):
            if not row:
                continue
            if len(row) != 2 or not all(map(str.strip, row)):
                line = ",".join(row)[:80]
                raise InvalidInput(f"{self.path}:{number}: {line!r} is not two names with a comma between")
            found.append((number, (row[0].strip(), row[1].strip())))
        return found
