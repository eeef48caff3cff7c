"""Read anyone's plain tables; every fault names its file and row."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from agents.errors import InvalidInput

PAIR = ("user_id", "item_id")


@dataclass(frozen=True)
class Tables:
    """Files of comma-separated values; None is what somebody does not have."""

    slates: Path
    train: Path
    test: Path | None = None
    items: Path | None = None
    chosen: Path | None = None
    ties: Path | None = None
    opinions: Path | None = None
    raw: bool = False
    """Lists may repeat items: as a recommender produced them."""


@dataclass(frozen=True)
class Frames:
    """The tables as they were read, each checked."""

    shown: pd.DataFrame
    taken: pd.DataFrame
    later: pd.DataFrame | None
    chosen: pd.DataFrame | None
    described: pd.DataFrame | None
    ties: pd.DataFrame | None
    opinions: pd.DataFrame | None
    raw: bool

    @property
    def interactions(self) -> list[pd.DataFrame]:
        """Return the tables of what users took."""
        return [table for table in (self.taken, self.later, self.chosen) if table is not None]

    @cached_property
    def users(self) -> "pd.Index[str]":
        """Return the users that any table names."""
        named = [table["user_id"] for table in (self.shown, *self.interactions)]
        named += [] if self.ties is None else [self.ties["user_id"], self.ties["friend_id"]]
        named += [] if self.opinions is None else [self.opinions["user_id"]]
        users: pd.Index[str] = pd.Index(sorted(pd.concat(named).unique()))
        return users

    @cached_property
    def catalog(self) -> list[str]:
        """Return the items described, else those of slates and train."""
        if self.described is not None:
            return sorted(self.described["item_id"])
        return sorted(pd.concat([self.shown["item_id"], self.taken["item_id"]]).unique())

    @cached_property
    def unknown(self) -> list[str]:
        """Return the items that are not in the catalog."""
        named = pd.concat([table["item_id"] for table in (self.shown, *self.interactions)])
        return sorted(set(named) - set(self.catalog))


def read(tables: Tables) -> Frames:
    """Read every table that there is; raise InvalidInput on any fault."""
    return Frames(
        read_slates(tables.slates, tables.raw),
        read_table(tables.train, PAIR),
        None if tables.test is None else read_table(tables.test, PAIR),
        None if tables.chosen is None else read_table(tables.chosen, PAIR),
        None if tables.items is None else read_items(tables.items),
        None if tables.ties is None else read_ties(tables.ties),
        None if tables.opinions is None else read_opinions(tables.opinions),
        tables.raw,
    )


def read_table(
    path: Path, columns: Sequence[str], may_be_empty: str = "", optional: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the named columns of a CSV file as text, indexed by line; raise InvalidInput on any fault.

    Of ``optional`` columns those that the file has are returned too, and may be empty.
    """
    table = _parse(path)
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InvalidInput(
            f"{path}:1: no column {', '.join(missing)} (it has {', '.join(map(str, table.columns))}): "
            f"the header must name {','.join(columns)}"
        )
    table = table[[*columns, *(name for name in optional if name in table.columns)]]
    table = table[(table != "").any(axis=1)]
    if table.empty:
        raise InvalidInput(f"{path}: no rows under the header: at least one is needed")
    for column in columns:
        if column != may_be_empty:
            _reject(table[column] == "", path, table[column], f"{column} is empty: every row needs one")
    return table


def _parse(path: Path) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skip_blank_lines=False, index_col=False
            )
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read ({error.strerror}): give a CSV file") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{path}: not UTF-8 text ({error.reason} at byte {error.start}): save it as UTF-8"
        ) from error
    except pd.errors.EmptyDataError as error:
        raise InvalidInput(f"{path}: empty file: a header line and rows are needed") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise InvalidInput(f"{path}: not a table of comma-separated values: {str(error).strip()}") from error
    return pd.DataFrame(
        {str(name).strip(): table[name].fillna("").str.strip() for name in table.columns},
    ).set_axis(table.index + 2)


def _reject(bad: "pd.Series[bool]", path: Path, values: "pd.Series[str]", why: str) -> None:
    """Raise InvalidInput naming the first bad row and how many more there are."""
    rows = bad.index[bad.to_numpy()]
    if len(rows):
        more = f" ({len(rows) - 1} more such rows)" if len(rows) > 1 else ""
        raise InvalidInput(f"{path}:{rows[0]}: {values[rows[0]]!r}: {why}{more}")


def read_slates(path: Path, raw: bool = False) -> pd.DataFrame:
    """Return the slates sorted by user and rank, having checked that ranks run 1, 2, 3 ... and items do not repeat.

    ``raw`` lists may repeat items. A column ``presented`` says at which place a ranker was told of the item.
    """
    table = read_table(path, (*PAIR, "rank"), optional=("presented",))
    for name in ("rank", "presented") if "presented" in table else ("rank",):
        table = table.assign(**{name: _places(table[name], path)})
    if not raw:
        twice = table.duplicated(list(PAIR))
        why = "the item is already in this user's list: a list holds each item once (--raw counts what comes again)"
        _reject(twice, path, table["item_id"], why)
    table = table.sort_values(["user_id", "rank"], kind="stable")
    place = table.groupby("user_id").cumcount() + 1
    _reject(
        (table["rank"] != place).sort_index(),
        path,
        table["rank"].astype(str),
        "the ranks of each user must run 1, 2, 3 ... without gap or tie",
    )
    return table


def _places(column: "pd.Series[str]", path: Path) -> "pd.Series[int]":
    """Return a column as whole numbers from 1."""
    number = pd.to_numeric(column, errors="coerce")
    whole = (number >= 1) & (number == np.floor(number)) & (number < 2**31)
    of = "the list" if column.name == "rank" else "the prompt"
    _reject(~whole, path, column, f"{column.name} must be a whole number from 1, 1 the first place of {of}")
    return number.astype(np.int64)


def read_items(path: Path) -> pd.DataFrame:
    """Return the catalog: item_id, genres separated by |, which may be empty, and codes separated by -, if there."""
    table = read_table(path, ("item_id", "genres"), may_be_empty="genres", optional=("codes",))
    _reject(table.duplicated("item_id"), path, table["item_id"], "the item is listed twice: keep one row")
    if "codes" in table:
        digits, coded = table["codes"].str.count("-") + 1, table["codes"] != ""
        odd = coded & (~table["codes"].str.fullmatch(r"\d+(-\d+)*") | (digits != digits[coded].max()))
        _reject(odd, path, table["codes"], "codes are whole numbers separated by -, as many for every item, or nothing")
    return table


def read_ties(path: Path) -> pd.DataFrame:
    """Return who is tied to whom, in any order."""
    table = read_table(path, ("user_id", "friend_id"))
    _reject(table["user_id"] == table["friend_id"], path, table["user_id"], "a user is tied to others, not to itself")
    return table


def read_opinions(path: Path) -> pd.DataFrame:
    """Return one number per user."""
    table = read_table(path, ("user_id", "opinion"))
    _reject(table.duplicated("user_id"), path, table["user_id"], "the user is listed twice: keep one row")
    opinion = pd.to_numeric(table["opinion"], errors="coerce")
    _reject(~np.isfinite(opinion), path, table["opinion"], "an opinion is a number")
    return table.assign(opinion=opinion.astype(np.float64))
