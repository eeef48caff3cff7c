"""Parquet: one file a table, as they are."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from analysis.augment.dataset import TrainingData
from analysis.export.shared_tables import tables


def write(data: TrainingData, folder: Path, name: str) -> dict[str, Any]:
    """Write every table but the evaluation split."""
    for table, rows in tables(data):
        pq.write_table(rows, folder / f"{table}.parquet")
    return {"rows": len(data.interactions)}
