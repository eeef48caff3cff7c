"""JSON lines: one file a table, one object a row, missing values null."""

import json
from pathlib import Path
from typing import Any

from analysis.augment.dataset import TrainingData
from analysis.export.shared_tables import tables

BATCH = 50_000


def write(data: TrainingData, folder: Path, name: str) -> dict[str, Any]:
    """Write every table but the evaluation split."""
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
    for table, rows in tables(data):
        with (folder / f"{table}.jsonl").open("w", encoding="utf-8") as file:
            for batch in rows.to_batches(BATCH):
                file.writelines(encode(row) + "\n" for row in batch.to_pylist())
    return {"rows": len(data.interactions)}
