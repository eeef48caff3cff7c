"""Open Bandit: what was shown, whether it was taken, and with which probability it was shown, one folder a recommender.

``POLICY/all/all.csv`` and ``item_context.csv`` beside it, as the loader of the Open Bandit Pipeline reads them
(obp.dataset.OpenBanditDataset with ``data_path`` and ``campaign="all"``); columns as in the data set that came with it
(github.com/st-tech/zr-obp, obd/README.md; arXiv 2008.07146). Its affinities, one column for each item, are left out: a
catalog may have very many. Items are numbers there; ``items.csv`` has their names. All rows are synthetic, and only
those are there whose recommender logged a propensity. Behind the published columns stands where each row comes from.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow

from agents.errors import InvalidInput
from analysis.augment.dataset import TrainingData

FEATURES = tuple(f"user_feature_{n}" for n in range(4))
LOG = ("timestamp", "item_id", "position", "click", "propensity_score", *FEATURES)
CONTEXT = ("item_id", "item_feature_0", "item_feature_1", "item_feature_2", "item_feature_3")
ORIGIN = ("is_synthetic", "source_run", "generator", "weight")
CAMPAIGN = "all"
QUARTERS = 4


def write(data: TrainingData, folder: Path, name: str) -> dict[str, Any]:
    """Write a log for each recommender that says with which probability it showed what."""
    shown = data.tables["exposures"]
    logged = shown[shown["propensity"] > 0]
    if not len(logged):
        raise InvalidInput(
            "no recommender of the runs logged with which probability it showed what, which Open Bandit logs need; "
            "use one that draws, such as recommender: {kind: random}"
        )
    rows = _log(logged, data)
    for policy, part in rows.groupby(logged["recommender"].map(_folder).to_numpy(), sort=True):
        place = folder / str(policy) / CAMPAIGN
        place.mkdir(parents=True)
        _write(part.reset_index(drop=True), place / f"{CAMPAIGN}.csv")
        _write(_context(data.tables["items"]), place / "item_context.csv")
    items = data.tables["items"]
    _write(pd.DataFrame({"item": items["item"], "title": items["title"]}), folder / "items.csv", "item_id")
    return {"rows": len(rows), "left_out_without_propensity": len(shown) - len(logged)}


def _log(logged: pd.DataFrame, data: TrainingData) -> pd.DataFrame:
    number = pd.Series(np.arange(len(data.tables["items"])), index=data.tables["items"]["item"])
    features = _features(data).reindex(logged["user"])
    return pd.DataFrame(
        {
            "timestamp": _timestamps(logged["time"].to_numpy(dtype=np.float64)),
            "item_id": number.reindex(logged["item"]).to_numpy(dtype=np.int64),
            "position": logged["position"].to_numpy(dtype=np.int64),
            "click": logged["is_taken"].to_numpy(dtype=np.int64),
            "propensity_score": logged["propensity"].to_numpy(dtype=np.float64),
            **{column: features[column].to_numpy() for column in FEATURES},
            "is_synthetic": True,
            "source_run": logged["source_run"].to_numpy(),
            "generator": logged["generator"].to_numpy(),
            "weight": float(data.about["options"]["weight"]),
        }
    )


def _features(data: TrainingData) -> pd.DataFrame:
    """Return per user its name, quarter by training rows, most frequent genre, and whether it is real or invented."""
    users, items, real = data.tables["users"], data.tables["items"], data.real
    count = users["training_rows"].to_numpy(dtype=np.float64)
    quarter = np.minimum(QUARTERS * np.argsort(np.argsort(count, kind="stable")) // max(len(count), 1), QUARTERS - 1)
    genres = dict(zip(items["item"], items["genres"], strict=True))
    first = real["item"].map(lambda item: next(iter(genres[item]), "none"))
    favorite = pd.crosstab(real["user"], first).idxmax(axis=1)
    return pd.DataFrame(
        {
            FEATURES[0]: users["user"].to_numpy(),
            FEATURES[1]: [f"quarter {number + 1}" for number in quarter],
            FEATURES[2]: favorite.reindex(users["user"]).fillna("none").to_numpy(),
            FEATURES[3]: np.where(users["is_synthetic"], "invented", "real"),
        },
        index=pd.Index(users["user"]),
    )


def _context(items: pd.DataFrame) -> pd.DataFrame:
    """Return per item the logarithm of one more than its training rows, its first two genres, and its decade."""
    years = items["year"].to_numpy(dtype=np.float64, na_value=np.nan)
    genres = [[*list(some)[:2], "none", "none"] for some in items["genres"]]
    return pd.DataFrame(
        {
            "item_id": np.arange(len(items)),
            "item_feature_0": np.log1p(items["training_rows"].to_numpy(dtype=np.float64)),
            "item_feature_1": [some[0] for some in genres],
            "item_feature_2": [some[1] for some in genres],
            "item_feature_3": ["unknown" if np.isnan(year) else f"{year // 10 * 10:.0f}s" for year in years],
        }
    )


def _timestamps(seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.object_]:
    moments = pa.array(np.rint(seconds * 1e6).astype(np.int64)).cast(pa.timestamp("us", "UTC"))
    return np.asarray(pc.strftime(moments, format="%Y-%m-%d %H:%M:%S+00:00").to_numpy(zero_copy_only=False))


def _folder(recommender: str) -> str:
    """Return a recommender's name as a folder's.

    >>> _folder("my_rec:MyRec"), _folder("../x")
    ('my_rec_MyRec', 'x')
    """
    return re.sub(r"[^A-Za-z0-9_-]", "_", recommender).strip("_") or "unnamed"


def _write(frame: pd.DataFrame, path: Path, index: str = "") -> None:
    """Write a frame with the number of each row first, as in the published files."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.add_column(0, index, pa.array(np.arange(len(frame))))
    arrow.write_csv(table, path, arrow.WriteOptions(quoting_style="needed", quoting_header="none"))
