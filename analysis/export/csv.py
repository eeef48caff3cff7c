"""Comma-separated values: one file a table, lists joined by ``|``, missing values empty."""

from pathlib import Path
from typing import Any

from pyarrow import csv as arrow

from analysis.augment.dataset import TrainingData
from analysis.export.shared_tables import flat, tables


def write(data: TrainingData, folder: Path, name: str) -> dict[str, Any]:
    """Write every table but the evaluation split."""
    for table, rows in tables(data):
        arrow.write_csv(flat(rows), folder / f"{table}.csv", arrow.WriteOptions(quoting_style="needed"))
    return {"rows": len(data.interactions)}
