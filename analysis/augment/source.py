"""The real data that runs were made from, as its owner names it, divided as the runs divided it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

KEY = ["user", "item", "time"]
PAIR = ["user", "item"]


@dataclass(frozen=True)
class Source:
    """Real interactions as frames of user, item, rating and time (Unix seconds), each in order of time.

    ``train`` is all that users and recommenders of the runs may have learned from, ``held_out`` the evaluation split.
    ``users`` are names; ``items`` has item, title, genres and year. ``end`` is the time of the last interaction.
    ``facts`` go into dataset.json.
    """

    facts: dict[str, Any]
    train: pd.DataFrame
    held_out: pd.DataFrame
    users: tuple[str, ...]
    items: pd.DataFrame
    scale: tuple[float, float, float]
    end: float

    @cached_property
    def cut_offs(self) -> "pd.Series[float]":
        """Return the moment, by user, that what it is trained on precedes."""
        first = self.held_out.groupby("user", sort=False)["time"].min()
        return first.reindex(list(self.users)).fillna(self.end)

    @cached_property
    def item_rows(self) -> "pd.Series[int]":
        """Return the training rows of every item."""
        return self.train["item"].value_counts().reindex(self.items["item"], fill_value=0)

    @cached_property
    def user_rows(self) -> "pd.Series[int]":
        """Return the training rows of every user."""
        return self.train["user"].value_counts().reindex(list(self.users), fill_value=0)


def among(rows: pd.DataFrame, others: pd.DataFrame, columns: list[str]) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Return per row whether its values in some columns are together those of one of the others."""
    known = pd.MultiIndex.from_frame(others[columns].drop_duplicates())
    return np.asarray(pd.MultiIndex.from_frame(rows[columns]).isin(known))


def unix(minutes: "np.ndarray[Any, np.dtype[np.float64]]", end: float) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return minutes before the end of the source data as Unix seconds, to the millisecond."""
    return np.round(end + minutes * 60.0, 3)
