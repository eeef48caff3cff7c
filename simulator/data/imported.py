"""A data set that ``data import`` brought into the cache."""

import re
from dataclasses import dataclass

from agents.errors import InvalidInput, MissingResource
from simulator.data import store
from simulator.data.base import Dataset, DataSource


@dataclass
class Imported(DataSource):
    """Load a data set imported before (``data import PATH --name NAME``).

    variant: its name (written ``kind: imported:NAME``)
    """

    variant: str

    def load(self) -> Dataset:
        """Return the data set; raise MissingResource with the import command if there is none of this name."""
        folder = store.imported(check_name(self.variant))
        if not folder.is_dir():
            command = f"python run_sim.py data import PATH --name {self.variant}"
            raise MissingResource(f"no data set was imported as {self.variant!r}; import it with: {command}")
        return store.load(folder)


def check_name(name: str) -> str:
    """Return the name if it can name a folder; raise InvalidInput if it cannot."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        raise InvalidInput(f"{name!r} cannot name a data set; use up to 64 letters, digits, '_', '.' and '-'")
    return name
