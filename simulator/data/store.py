"""A data set as a folder: two parquet tables and what is known of it."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from agents.cache import home
from agents.errors import InvalidInput
from agents.schema import Item
from simulator.catalog import Catalog, Interactions
from simulator.data.base import Dataset

FORMAT = 1


def imported(name: str) -> Path:
    """Return the folder of an imported data set; it may not exist."""
    return home() / "data" / "imported" / name


def save(dataset: Dataset, folder: Path) -> None:
    """Write a data set, replacing what was there; nothing half-written stays."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".import-", dir=folder.parent))
    except OSError as error:
        raise InvalidInput(f"cannot write into {folder.parent} ({error.strerror}); set TASTELOOP_HOME") from error
    try:
        _write(dataset, temporary)
        temporary.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def load(folder: Path) -> Dataset:
    """Read a data set that ``save`` wrote; raise InvalidInput if the folder is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        about = json.loads((folder / "about.json").read_text())
        events = pq.read_table(folder / "interactions.parquet")
        items = pq.read_table(folder / "items.parquet").to_pylist()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InvalidInput(f"{folder} is damaged ({error}); import the data again") from error
    if about.get("format") != FORMAT:
        raise InvalidInput(f"{folder} was written by another version of Tasteloop; import the data again")
    columns = {name: events.column(name).to_numpy() for name in ("user_id", "item_id", "rating", "time")}
    return Dataset(
        name=about["name"],
        catalog=Catalog(
            tuple(Item(i, row["title"], tuple(row["genres"]), row["year"]) for i, row in enumerate(items)),
            tuple(row["name"] for row in items),
        ),
        interactions=Interactions(**columns, is_synthetic=np.zeros(len(events), dtype=np.bool_)),
        users=tuple(about["users"]),
        scale=tuple(about["scale"]),
        epoch=about["epoch"],
        demographics=tuple(about["demographics"]),
        identity=about["identity"],
    )


def _write(dataset: Dataset, folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    log = dataset.interactions
    events = {"user_id": log.user_id, "item_id": log.item_id, "rating": log.rating, "time": log.time}
    pq.write_table(pa.table(events), folder / "interactions.parquet")
    items = {
        "name": pa.array(dataset.catalog.names, pa.string()),
        "title": pa.array([item.title for item in dataset.catalog.items], pa.string()),
        "genres": pa.array([list(item.genres) for item in dataset.catalog.items], pa.list_(pa.string())),
        "year": pa.array([item.year for item in dataset.catalog.items], pa.int64()),
    }
    pq.write_table(pa.table(items), folder / "items.parquet")
    about = {
        "format": FORMAT,
        "name": dataset.name,
        "scale": dataset.scale,
        "epoch": dataset.epoch,
        "identity": dataset.identity,
        "users": dataset.users,
        "demographics": dataset.demographics,
    }
    (folder / "about.json").write_text(json.dumps(about, ensure_ascii=True))
