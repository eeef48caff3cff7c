"""A dataset for training recommenders: a folder of tables and ``dataset.json``, which says where all came from.

``interactions.parquet`` is the training set, real rows and synthetic ones in order of time. ``users.parquet`` and
``items.parquet`` are everybody and everything it may name, whether or not a row does; the user's ``cut_off`` is the
moment of its first row of the evaluation split, which all its training rows precede (a real row may share the moment,
a synthetic one may not), or the end of the source data where nothing of it is held out. ``held_out.parquet`` is that
evaluation split: the last share of every real user's interactions, which no run was shown (``data.split.held_out`` of
its scenario, simulator.data.split). It is for judging only, and no export contains it. ``exposures.parquet`` holds what
the simulated users read, taken or not, with the propensities that recommenders logged, for off-policy evaluation.
``descriptions.parquet`` is there where a strategy wrote texts.

Names of users and items are those of the source data. ``time`` is Unix seconds. What a simulated user does happens
after the source data ends, and so after the evaluation split; in the dataset it is placed between the user's last
training row and its cut-off, in the order in which it happened, and ``simulated_minute`` keeps the moment in the run.
(user, item) of a synthetic row may be one of the evaluation split: the users were fitted without it, so that is a
prediction come true, and leaving such rows out would tell what is in the split. Whoever judges a recommender trained
here must therefore not exclude from its slates what only a synthetic row says was taken.

``dataset.json``: name, version, source (identity, licence, scale, how it was divided), runs with their digests,
strategies, options, counts (also of what was left out, and why), ratio attained, cut-off, gates, SHA-256 of each table.
"""

import json
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from agents.cache import sha256
from agents.errors import InvalidInput
from analysis.load import mapping

FORMAT = 1
ABOUT = "dataset.json"

_PLACE = [("user", pa.string()), ("item", pa.string()), ("rating", pa.float64()), ("time", pa.float64())]
_ORIGIN = [
    ("propensity", pa.float64()),
    ("position", pa.int64()),
    ("recommender", pa.string()),
    ("arm", pa.string()),
    ("event_id", pa.int64()),
    ("simulated_minute", pa.float64()),
]

TABLES: Mapping[str, pa.Schema] = {
    "interactions": pa.schema(
        [
            *_PLACE,
            ("is_synthetic", pa.bool_()),
            ("source_run", pa.string()),
            ("generator", pa.string()),
            ("weight", pa.float64()),
            *_ORIGIN,
        ]
    ),
    "users": pa.schema(
        [("user", pa.string()), ("is_synthetic", pa.bool_()), ("cut_off", pa.float64()), ("training_rows", pa.int64())]
    ),
    "items": pa.schema(
        [
            ("item", pa.string()),
            ("title", pa.string()),
            ("genres", pa.list_(pa.string())),
            ("year", pa.int64()),
            ("training_rows", pa.int64()),
        ]
    ),
    "held_out": pa.schema([*_PLACE, ("taken_before", pa.bool_())]),
    "exposures": pa.schema(
        [
            *_PLACE,
            ("is_taken", pa.bool_()),
            ("source_run", pa.string()),
            ("generator", pa.string()),
            *_ORIGIN,
            ("slate_size", pa.int64()),
            ("score", pa.float64()),
        ]
    ),
    "descriptions": pa.schema(
        [
            ("of", pa.string()),
            ("name", pa.string()),
            ("text", pa.string()),
            ("source_run", pa.string()),
            ("generator", pa.string()),
            ("call_id", pa.string()),
            ("embedding", pa.list_(pa.float32())),
        ]
    ),
}
"""Table -> its columns. ``source_run`` is the start of a run's log digest; for real rows it and all that belongs to a
run is missing. ``generator`` is ``real``, or what decided (impressions.decided_by) or wrote. ``of`` is user or item."""

OPTIONAL = frozenset({"descriptions"})


@dataclass(frozen=True)
class TrainingData:
    """A dataset in memory: ``about`` is dataset.json, ``tables`` has a frame for each table."""

    about: dict[str, Any]
    tables: dict[str, pd.DataFrame]

    @property
    def interactions(self) -> pd.DataFrame:
        """Return the training rows, real and synthetic, in order of time."""
        return self.tables["interactions"]

    @property
    def real(self) -> pd.DataFrame:
        """Return the training rows of the source data."""
        return self.interactions[~self.interactions["is_synthetic"]]

    @property
    def synthetic(self) -> pd.DataFrame:
        """Return the training rows of the runs."""
        return self.interactions[self.interactions["is_synthetic"]]

    @property
    def name(self) -> str:
        """Return what the dataset is called."""
        return str(self.about["name"])


def read(folder: Path, only: Collection[str] = TABLES) -> TrainingData:
    """Return the dataset of a folder, or some of its tables.

    Raise InvalidInput where it is none, or damaged beyond reading.
    """
    if not (folder / ABOUT).is_file():
        raise InvalidInput(f"{folder} is no dataset: it has no {ABOUT}; make one with: python run_sim.py augment")
    about = mapping(folder / ABOUT)
    if about.get("format") != FORMAT:
        raise InvalidInput(
            f"{folder / ABOUT} has the format {about.get('format')}, not {FORMAT}; make the dataset anew"
        )
    there = [name for name in only if name not in OPTIONAL or (folder / f"{name}.parquet").is_file()]
    return TrainingData(about, {name: _read_table(folder / f"{name}.parquet", TABLES[name]) for name in there})


def altered(folder: Path, about: Mapping[str, Any]) -> list[str]:
    """Return the tables whose SHA-256 is not, or that have none, in dataset.json; and those that are gone."""
    found = {path.name: sha256(path) for path in sorted(folder.glob("*.parquet"))}
    listed = about.get("checksums", {})
    return sorted(name for name in found.keys() | listed.keys() if found.get(name) != listed.get(name))


def write(data: TrainingData, folder: Path) -> dict[str, Any]:
    """Write a dataset into a new folder, whole or not at all; return dataset.json as written.

    Raise InvalidInput where something is there already.
    """
    with new_folder(folder) as temporary:
        for name, frame in data.tables.items():
            pq.write_table(to_arrow(frame, name), temporary / f"{name}.parquet")
        about = data.about | {"checksums": {path.name: sha256(path) for path in sorted(temporary.glob("*.parquet"))}}
        text = json.dumps(about, indent=1, ensure_ascii=False, allow_nan=False)
        (temporary / ABOUT).write_text(text + "\n", encoding="utf-8")
    return about


def to_arrow(frame: pd.DataFrame, name: str) -> pa.Table:
    """Return a table of the dataset as it is stored."""
    return pa.Table.from_pandas(frame, schema=TABLES[name], preserve_index=False).replace_schema_metadata(None)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``folder`` if the block ends well; raise InvalidInput if that exists."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput(f"{folder} is there already and not empty; name another place, or remove it")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise InvalidInput(f"cannot write into {folder.parent} ({error.strerror}); name another place") from error
    try:
        yield temporary
        temporary.chmod(0o755)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _read_table(path: Path, schema: pa.Schema) -> pd.DataFrame:
    try:
        table = pq.read_table(path, use_threads=False)
        table = table.select(schema.names).cast(schema)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InvalidInput(f"{path} cannot be read as a table of a dataset: {error}; make the dataset anew") from error
    frame: pd.DataFrame = table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame
