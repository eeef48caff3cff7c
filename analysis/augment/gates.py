"""What must hold of every dataset without exception: each gate counts the rows that it looked at and those at fault.

A gate's value is the share of sound rows and must be exactly 1; leakage is a number of rows and must be exactly 0.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from agents.errors import GateFailed
from analysis.augment.dataset import TrainingData
from analysis.augment.source import KEY, PAIR, among

LEAKAGE = "leakage"
NAMED = 5
"""Rows at fault that a message names of each gate."""
TOLD = 60
"""Characters of a name, which others wrote, in a message."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Gate:
    """One condition: the rows it looked at, how many are at fault, and the first of those, named."""

    name: str
    rows: int
    at_fault: int
    named: tuple[str, ...]

    @property
    def value(self) -> float:
        """Return the share of sound rows, 1 where there are none; of leakage the number of rows at fault."""
        if self.name == LEAKAGE:
            return self.at_fault
        return 1.0 if not self.at_fault else 1.0 - self.at_fault / max(self.rows, self.at_fault)


def gates(data: TrainingData, altered: Iterable[str] = ()) -> list[Gate]:
    """Return every gate of a dataset; ``altered`` are tables that are not as dataset.json says they were written."""
    changed = tuple(sorted(altered))
    return [
        _gate(
            "ids_in_catalog", [("interactions", ~data.interactions["item"].isin(data.tables["items"]["item"]))], data
        ),
        _gate("referential_integrity", _references(data), data),
        _gate("rating_domain", [(name, _off_scale(data, name)) for name in ("interactions", "exposures")], data),
        _gate("time_order", [(name, _disordered(data.tables[name])) for name in ("interactions", "exposures")], data),
        _gate("no_duplicates", [("interactions", data.interactions.duplicated(KEY))], data),
        _gate("nothing_from_the_future", [(n, _future(data, n)) for n in ("interactions", "exposures")], data),
        _gate("origin_stated", [("interactions", _unmarked(data))], data),
        Gate("as_written", len(data.tables), len(changed), changed),
        _gate(LEAKAGE, [("interactions", _leaked(data)), *_told(data)], data),
    ]


def require(found: Sequence[Gate], where: object) -> None:
    """Raise GateFailed, with the rows named, unless every gate holds."""
    failed = [gate for gate in found if gate.at_fault]
    if failed:
        lines = [
            f"{gate.name}: {gate.at_fault} of {gate.rows} at fault\n  " + "\n  ".join(gate.named) for gate in failed
        ]
        raise GateFailed(f"{where} failed {len(failed)} of {len(found)} gates\n" + "\n".join(lines))


def values(found: Sequence[Gate]) -> dict[str, float]:
    """Return each gate's value by name."""
    return {gate.name: gate.value for gate in found}


def _gate(name: str, looked_at: "Sequence[tuple[str, Any]]", data: TrainingData) -> Gate:
    """Return a gate over tables, each with a mask of its rows at fault."""
    masks = [(table, np.asarray(mask, dtype=np.bool_)) for table, mask in looked_at]
    named = [
        f"{table}.parquet row {row}: {_row(data.tables[table].iloc[row])}"
        for table, mask in masks
        for row in np.flatnonzero(mask)[:NAMED]
    ]
    return Gate(name, sum(len(m) for _, m in masks), sum(int(m.sum()) for _, m in masks), tuple(named[:NAMED]))


def _row(row: "pd.Series[Any]") -> str:
    shown = ("user", "item", "rating", "time", "is_synthetic", "source_run", "of", "name", "text")
    return " ".join(f"{name}={_printable(row[name])}" for name in shown if name in row.index)


def _printable(value: object) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text[:TOLD])


def _references(data: TrainingData) -> list[tuple[str, Any]]:
    """Return the rows of each table that name what no table has: a user, an item or a run."""
    runs = {run["run"] for run in data.about["runs"]}
    users, items, rows = data.tables["users"]["user"], data.tables["items"]["item"], data.interactions
    stray = ~rows["user"].isin(users) | (rows["is_synthetic"] & ~rows["source_run"].isin(runs))
    looked_at: list[tuple[str, Any]] = [("interactions", stray)]
    looked_at += [(name, data.tables[name].duplicated(name[:-1])) for name in ("users", "items")]
    for name in ("exposures", "held_out"):
        table = data.tables[name]
        looked_at.append((name, ~table["user"].isin(users) | ~table["item"].isin(items)))
    if "descriptions" in data.tables:
        texts = data.tables["descriptions"]
        known = np.where(texts["of"] == "item", texts["name"].isin(items), texts["name"].isin(users))
        looked_at.append(("descriptions", ~known | ~texts["of"].isin(["item", "user"])))
    return looked_at


def _off_scale(data: TrainingData, name: str) -> Mask:
    """Mark ratings that are not on the scale of the source; a row need not have one."""
    lowest, highest, step = data.about["source"]["scale"]
    rating = data.tables[name]["rating"].to_numpy(dtype=np.float64)
    steps = (rating - lowest) / step
    off = (rating < lowest) | (rating > highest) | (np.abs(steps - np.rint(steps)) > 1e-6)
    return np.asarray(off & ~np.isnan(rating))


def _disordered(rows: pd.DataFrame) -> Mask:
    """Mark rows that are earlier than the row before them, or at no time."""
    time = rows["time"].to_numpy(dtype=np.float64)
    return np.asarray(~np.isfinite(time) | (np.diff(time, prepend=-np.inf) < 0))


def _future(data: TrainingData, name: str) -> Mask:
    """Mark rows that are not before the user's cut-off, and simulated ones from outside the run's time."""
    rows, cut_off = data.tables[name], data.tables["users"].drop_duplicates("user").set_index("user")["cut_off"]
    made = rows["is_synthetic"].to_numpy(dtype=np.bool_) if "is_synthetic" in rows else np.ones(len(rows), np.bool_)
    limit = rows["user"].map(cut_off).fillna(data.about["source"]["end"]).to_numpy(dtype=np.float64)
    time, minute = (rows[column].to_numpy(dtype=np.float64) for column in ("time", "simulated_minute"))
    ends = rows["source_run"].map({run["run"]: run["days"] * 1440.0 for run in data.about["runs"]})
    outside = ~((minute >= 0) & (minute < ends.to_numpy(dtype=np.float64)))
    return np.asarray((time > limit) | (made & ((time >= limit) | outside)))


def _unmarked(data: TrainingData) -> Mask:
    """Mark rows that do not say what they are: a run's where synthetic, none where real, a generator, a weight."""
    rows = data.interactions
    weight = rows["weight"].to_numpy(dtype=np.float64)
    bare = (rows["is_synthetic"] != rows["source_run"].notna()) | (rows["is_synthetic"] != rows["event_id"].notna())
    misnamed = rows["generator"].isna() | (rows["is_synthetic"] == (rows["generator"] == "real"))
    return np.asarray(bare | misnamed | ~(np.isfinite(weight) & (weight > 0)))


def _leaked(data: TrainingData) -> Mask:
    """Mark rows of the evaluation split: to the moment, or real and of a pair that is in that split alone."""
    rows, held_out = data.interactions, data.tables["held_out"]
    new = held_out[~held_out["taken_before"]]
    return np.asarray(among(rows, held_out, KEY) | (~rows["is_synthetic"].to_numpy(np.bool_) & among(rows, new, PAIR)))


def _told(data: TrainingData) -> list[tuple[str, Any]]:
    """Return the descriptions of users with those marked that name an item held out from the user."""
    if "descriptions" not in data.tables:
        return []
    texts = data.tables["descriptions"]
    return [("descriptions", betraying(texts, data.real, data.tables["held_out"], data.tables["items"]))]


def betraying(texts: pd.DataFrame, train: pd.DataFrame, held_out: pd.DataFrame, items: pd.DataFrame) -> Mask:
    """Return which descriptions of users hold the title of an item held out from that user.

    Titles of the user's training rows are taken out first, as one may be a part of another ("Alien", "Alien 3").
    """
    title = items.drop_duplicates("item").set_index("item")["title"]
    new = held_out[~held_out["taken_before"]]
    concerned = texts.loc[texts["of"] == "user", "name"]
    later = _titles(new[new["user"].isin(concerned)], title)
    before = _titles(train[train["user"].isin(later)], title)
    return np.array(
        [
            of == "user" and _names(text, later.get(name, ()), before.get(name, ()))
            for of, name, text in zip(texts["of"], texts["name"], texts["text"], strict=True)
        ],
        dtype=np.bool_,
    )


def _titles(rows: pd.DataFrame, title: "pd.Series[str]") -> dict[str, list[str]]:
    told = rows.assign(title=rows["item"].map(title)).dropna(subset=["title"])
    return {str(user): list(group) for user, group in told.groupby("user", sort=False)["title"]}


def _names(text: str, titles: Iterable[str], known: Iterable[str]) -> bool:
    for title in sorted(known, key=len, reverse=True):
        text = text.replace(title, " ")
    return any(f" {title} " in f" {_spaced(text)} " for title in map(_spaced, titles) if len(title) > 2)


def _spaced(text: str) -> str:
    """Return the words of a text with one space between them and no marks around them."""
    return " ".join("".join(letter if letter.isalnum() else " " for letter in text).split())
