"""RecBole atomic files: ``NAME.inter``, ``NAME.user``, ``NAME.item``, tabs between fields, types in the header.

The first columns are those of RecBole's own ml-100k (the wheel recbole==1.2.1, recbole/dataset_example/ml-100k); the
types are those of its documentation of atomic files (recbole.io/docs/user_guide/data/atomic_files.html): token,
token_seq (words with a space between), float, float_seq.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from agents.errors import InvalidInput
from analysis.augment.dataset import TrainingData

INTER = ("user_id:token", "item_id:token", "rating:float", "timestamp:float")
ITEM = ("item_id:token", "movie_title:token_seq", "release_year:token", "class:token_seq")
USER = ("user_id:token",)

ORIGIN = ("is_synthetic:token", "source_run:token", "generator:token", "weight:float", "propensity:float",
          "position:float", "recommender:token", "arm:token")  # fmt: skip


def write(data: TrainingData, folder: Path, name: str) -> dict[str, Any]:
    """Write the three files, named as their folder, as RecBole expects them."""
    rows, items, users = data.interactions, data.tables["items"], data.tables["users"]
    origin = [rows[column.partition(":")[0]] for column in ORIGIN]
    _write(
        folder / f"{name}.inter", INTER + ORIGIN, [rows["user"], rows["item"], rows["rating"], rows["time"], *origin]
    )
    classes = [" ".join("_".join(genre.split()) for genre in genres) for genres in items["genres"]]
    _write(folder / f"{name}.item", ITEM, [items["item"], _words(items["title"]), items["year"], classes])
    _write(folder / f"{name}.user", (*USER, "is_synthetic:token"), [users["user"], users["is_synthetic"]])
    return {"rows": len(rows)}


def _write(path: Path, header: tuple[str, ...], columns: list[Any]) -> None:
    text = [pc.fill_null(pc.cast(_arrow(column), pa.string()), "") for column in columns]
    for name, column in zip(header, text, strict=True):
        _check(name, column)
    lines = pc.binary_join_element_wise(*text, "\t")
    with path.open("w", encoding="utf-8") as file:
        file.write("\t".join(header) + "\n")
        file.writelines(line + "\n" for line in lines.to_pylist())


def _arrow(column: Any) -> pa.Array:
    array = pa.array(column, from_pandas=True)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _check(name: str, column: pa.Array) -> None:
    """Raise InvalidInput where a field would end a field or a line, or open a quote."""
    bad = pc.match_substring_regex(column, '[\t\r\n"]')
    if pc.any(bad).as_py():
        first = column.filter(bad)[0].as_py()
        raise InvalidInput(f"{name}: {first!r} holds a tab, a line end or a quote, which RecBole's files cannot")


def _words(titles: "pd.Series[str]") -> npt.NDArray[np.object_]:
    """Return titles as words with one space between them, double quotes as single ones."""
    return np.array([" ".join(title.replace('"', "'").split()) for title in titles], dtype=object)
