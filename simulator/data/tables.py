"""Anyone's tables: csv, tsv, parquet, MovieLens .dat and RecBole atomic files."""

from dataclasses import dataclass, field
from pathlib import Path

from agents.errors import InvalidInput
from simulator.data.assemble import assemble
from simulator.data.base import Dataset, DataSource
from simulator.data.table import Table, read

SUFFIXES = (".inter", ".csv", ".tsv", ".parquet", ".dat")

EVENTS = ("interactions", "ratings", "reviews", "events")
ITEMS = ("items", "movies", "books", "products")
PEOPLE = ("users",)

_UNSTATED = {"version": "", "licence": "not stated", "citation": ""}


@dataclass
class Tables(DataSource):
    """Load interactions, and items and users if there are any, from files.

    path: a file of interactions, or a folder that holds one (*.inter, ratings.*, interactions.*), and perhaps one of
      items (*.item, items.*, movies.*, books.*) and one of users (*.user, users.*)
    items: file of items (columns item and title, perhaps genres and year), where the folder's names do not tell
    columns: role (user, item, rating, time, title, genres, year) -> column, where its name does not tell
    scale: lowest and highest rating and the step between, where the ratings that occur do not tell
    """

    path: str
    items: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    scale: tuple[float, float, float] | None = None

    def load(self) -> Dataset:
        """Return the data set; raise InvalidInput naming the file, the place and the value that is wrong."""
        path = Path(self.path).expanduser()
        if not path.exists():
            raise InvalidInput(f"{path} does not exist; give a file of interactions or a folder that holds one")
        events = _find(path, EVENTS, ".inter") if path.is_dir() else path
        if events is None:
            raise InvalidInput(
                f"{path} holds no interactions; expected *.inter or {' or '.join(EVENTS)} as csv, parquet..."
            )
        folder = path if path.is_dir() else None
        items = Path(self.items).expanduser() if self.items else folder and _find(folder, ITEMS, ".item")
        people = folder and _find(folder, PEOPLE, ".user")
        name = path.name if path.is_dir() else path.stem
        return assemble(
            name,
            read(events),
            _maybe(items),
            _maybe(people),
            scale=self.scale,
            columns=self.columns,
            identity=_UNSTATED,
        )


def _maybe(path: Path | None) -> Table | None:
    return read(path) if path else None


def _find(folder: Path, stems: tuple[str, ...], atomic: str) -> Path | None:
    """Return the one file of a kind in a folder, None if there is none; raise InvalidInput if there are several.

    A users.dat is never read: MovieTweetings' maps users to real accounts.
    """
    found = sorted(
        file
        for file in folder.iterdir()
        if file.suffix == atomic or (file.stem in stems and file.suffix in SUFFIXES and file.name != "users.dat")
    )
    if len(found) > 1:
        raise InvalidInput(f"{folder} holds {' and '.join(file.name for file in found)}; name the one to read")
    return found[0] if found else None
