"""MovieLens 100K, the small real data set everyone knows."""

from dataclasses import dataclass
from typing import ClassVar

from simulator.data.assemble import assemble
from simulator.data.base import Dataset, DataSource
from simulator.data.entry import Entry
from simulator.data.table import read

_LICENCE = """\
Neither the University of Minnesota nor any of the researchers involved can guarantee the correctness of the data, its
suitability for any particular purpose, or the validity of results based on the use of the data set. The data set may
be used for any research purposes under the following conditions:
- The user may not state or imply any endorsement from the University of Minnesota or the GroupLens Research Group.
- The user must acknowledge the use of the data set in publications resulting from the use of the data set.
- The user may not redistribute the data without separate permission.
- The user may not use this information for any commercial or revenue-bearing purposes without first obtaining
  permission from a faculty member of the GroupLens Research Project at the University of Minnesota."""


@dataclass
class MovieLens100K(DataSource):
    """Load MovieLens 100K: 100,000 ratings (1-5) of 1,682 films by 943 users, 1997 to 1998."""

    ENTRY: ClassVar[Entry] = Entry(
        name="ml-100k",
        version="recbole-1.2.1",
        sources=(
            "the wheel recbole==1.2.1 (recbole/dataset_example/ml-100k)",
            "https://grouplens.org/datasets/movielens/100k/",
        ),
        files={
            "recbole/dataset_example/ml-100k/ml-100k.inter": (
                "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff"
            ),
            "recbole/dataset_example/ml-100k/ml-100k.item": (
                "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532"
            ),
            "recbole/dataset_example/ml-100k/ml-100k.user": (
                "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972"
            ),
        },
        bytes=2_068_559,
        licence="GroupLens research licence: no redistribution, no commercial use without permission",
        licence_text=_LICENCE,
        redistributable=False,
        citation=(
            "F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context. "
            "ACM Transactions on Interactive Intelligent Systems 5, 4, Article 19. https://doi.org/10.1145/2827872"
        ),
        users=943,
        items=1682,
        interactions=100_000,
        wheel="recbole==1.2.1",
    )

    def load(self) -> Dataset:
        """Return the data set; raise MissingResource with the fetch command if it is not there."""
        events, items, people = (read(self.ENTRY.path(f"ml-100k.{kind}")) for kind in ("inter", "item", "user"))
        return assemble(self.ENTRY.name, events, items, people, scale=(1, 5, 1), identity=self.ENTRY.identity())
