"""What a data set is."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

from simulator.catalog import Catalog, Interactions


@dataclass(frozen=True)
class Dataset:
    """Real (or invented) interactions in inside form.

    User ids are 0..len(users)-1 and index ``users`` (outside names) and ``demographics`` (what is
    known of each, may be empty dictionaries). ``interactions.time`` is minutes, the last event at
    0; ``epoch`` is the Unix second of minute 0. ``scale`` is (lowest, highest, step) of the ratings.
    ``identity`` goes to the manifest: name, version, sha256, licence, citation, rows, rejected rows.
    """

    name: str
    catalog: Catalog
    interactions: Interactions
    users: tuple[str, ...]
    scale: tuple[float, float, float]
    epoch: float
    demographics: tuple[dict[str, str], ...] = ()
    identity: dict[str, Any] = field(default_factory=dict)


class DataSource(ABC):
    """Load one data set; the class's dataclass fields are its parameters in the scenario."""

    @abstractmethod
    def load(self) -> Dataset:
        """Return the data set; raise MissingResource with the fetch command if it is not there."""
