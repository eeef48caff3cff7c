"""MovieLens: ``ratings.csv`` and ``movies.csv`` as in ml-latest, and where each rating comes from beside them.

Headers: the README of ml-latest-small (files.grouplens.org/datasets/movielens/ml-latest-small-README.html). Times are
whole seconds there, so the order within a second is that of the rows. ``provenance.csv`` has a row for each row of
``ratings.csv``, in its order.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow

from agents.errors import InvalidInput
from analysis.augment.dataset import TrainingData

RATINGS = ("userId", "movieId", "rating", "timestamp")
MOVIES = ("movieId", "title", "genres")
PROVENANCE = ("userId", "movieId", "timestamp", "is_synthetic", "source_run", "generator", "weight")
NO_GENRES = "(no genres listed)"


def write(data: TrainingData, folder: Path, name: str) -> dict[str, Any]:
    """Write the files; rows without a rating, which the layout has no place for, are left out and counted."""
    rated = data.interactions[data.interactions["rating"].notna()]
    if not len(rated):
        raise InvalidInput("no row has a rating, and the MovieLens layout has none without; choose another format")
    rows = rated.rename(columns={"user": "userId", "item": "movieId"})
    rows = rows.assign(timestamp=np.floor(rows["time"]).astype(np.int64))
    items = data.tables["items"]
    movies = pd.DataFrame({"movieId": items["item"], "title": _titles(items), "genres": _genres(items)})
    for file, frame, header in (
        ("ratings", rows, RATINGS),
        ("provenance", rows, PROVENANCE),
        ("movies", movies, MOVIES),
    ):
        table = pa.Table.from_pandas(frame[list(header)], preserve_index=False)
        arrow.write_csv(
            table, folder / f"{file}.csv", arrow.WriteOptions(quoting_style="needed", quoting_header="none")
        )
    return {"rows": len(rated), "left_out_unrated": len(data.interactions) - len(rated)}


def _titles(items: pd.DataFrame) -> list[str]:
    years = items["year"].to_numpy(dtype=np.float64, na_value=np.nan)
    return [
        title if np.isnan(year) else f"{title} ({year:.0f})" for title, year in zip(items["title"], years, strict=True)
    ]


def _genres(items: pd.DataFrame) -> list[str]:
    return ["|".join(genres) or NO_GENRES for genres in items["genres"]]
