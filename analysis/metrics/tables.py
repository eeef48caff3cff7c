"""Read anyone's plain tables into evidence; every fault names its file and row."""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from agents.errors import InvalidInput
from agents.schema import Floats, Ints
from analysis.metrics.concentration import discounted_exposure
from analysis.metrics.evidence import Evidence
from analysis.metrics.lists import Lists
from analysis.metrics.strata import bands, head_tail, user_groups

PAIR = ("user_id", "item_id")


@dataclass(frozen=True)
class Scored:
    """The evidence of some tables, and what a reader must know about how it was made."""

    evidence: Evidence
    catalog: str
    """Where the catalog comes from."""
    unknown_items: tuple[str, ...]
    """Items that are not in the catalog: popularity 0 unless someone took them."""
    repeats: int
    """Rows of train and test that repeat an earlier one; they count once."""


def read_evidence(slates: Path, train: Path, test: Path | None, items: Path | None, k: int) -> Scored:
    """Return the evidence of a slates table (cut at k), a train table and, where given, test and items tables."""
    shown, taken = read_slates(slates), read_table(train, PAIR)
    later = None if test is None else read_table(test, PAIR)
    described = None if items is None else read_items(items)
    interactions = [table for table in (taken, later) if table is not None]
    every = pd.concat([shown, *interactions])[list(PAIR)]
    users = pd.Index(sorted(every["user_id"].unique()))
    known = sorted(pd.unique(pd.concat([shown, taken])["item_id"]) if described is None else described["item_id"])
    unknown = sorted(set(every["item_id"]) - set(known))
    index = pd.Index(known + unknown)
    evidence = Evidence(
        slates=_lists(shown[shown["rank"] <= k], users, index),
        n_catalog=len(known),
        profiles=_lists(taken, users, index),
        test=None if later is None else _lists(later, users, index),
        population=int(taken["user_id"].nunique()),
        genres=None if described is None else genre_matrix(described, index),
        k=k,
        declared_items=None if described is None else len(known),
    )
    return Scored(
        _with_counts(evidence, len(index)),
        "union of train and slates" if items is None else items.name,
        tuple(unknown),
        sum(int(table.duplicated(list(PAIR)).sum()) for table in interactions),
    )


def _with_counts(evidence: Evidence, n_items: int) -> Evidence:
    """Return the evidence with what follows from its lists."""
    slates, profiles = evidence.slates, evidence.profiles
    assert profiles is not None
    popularity = np.bincount(profiles.item, minlength=n_items).astype(np.float64)
    return replace(
        evidence,
        counts=np.bincount(slates.item, minlength=n_items)[: evidence.n_catalog].astype(np.float64),
        exposures=discounted_exposure(slates.item, slates.rank, n_items)[: evidence.n_catalog],
        popularity=popularity,
        head=head_tail(popularity),
        band=bands(popularity),
        groups=user_groups(profiles, popularity),
    )


def read_table(path: Path, columns: tuple[str, ...], may_be_empty: str = "") -> pd.DataFrame:
    """Return the named columns of a CSV file as text, indexed by line; raise InvalidInput on any fault."""
    table = _parse(path)
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InvalidInput(
            f"{path}:1: no column {', '.join(missing)} (it has {', '.join(map(str, table.columns))}): "
            f"the header must name {','.join(columns)}"
        )
    table = table[list(columns)]
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


def read_slates(path: Path) -> pd.DataFrame:
    """Return the slates sorted by user and rank, having checked that ranks run 1, 2, 3 ... and items do not repeat."""
    table = read_table(path, (*PAIR, "rank"))
    rank = pd.to_numeric(table["rank"], errors="coerce")
    whole = (rank >= 1) & (rank == np.floor(rank)) & (rank < 2**31)
    _reject(~whole, path, table["rank"], "a rank is a whole number from 1, 1 the first place of the list")
    twice = table.duplicated(list(PAIR))
    _reject(twice, path, table["item_id"], "the item is already in this user's list: a list holds each item once")
    table = table.assign(rank=rank.astype(np.int64)).sort_values(["user_id", "rank"], kind="stable")
    place = table.groupby("user_id").cumcount() + 1
    _reject(
        (table["rank"] != place).sort_index(),
        path,
        table["rank"].astype(str),
        "the ranks of each user must run 1, 2, 3 ... without gap or tie",
    )
    return table


def read_items(path: Path) -> pd.DataFrame:
    """Return the catalog: item_id and genres separated by |, which may be empty."""
    table = read_table(path, ("item_id", "genres"), may_be_empty="genres")
    _reject(table.duplicated("item_id"), path, table["item_id"], "the item is listed twice: keep one row")
    return table


def genre_matrix(described: pd.DataFrame, index: pd.Index) -> Floats:
    """Return the (items, genres) 0/1 matrix for the items of an index, zero rows for items not described."""
    dummies = described.set_index("item_id")["genres"].str.get_dummies(sep="|")
    return dummies.reindex(index, fill_value=0).to_numpy(np.float64)


def _lists(table: pd.DataFrame, users: "pd.Index[str]", items: pd.Index) -> Lists:
    pairs = table.drop_duplicates(list(PAIR))
    owner: Ints = users.get_indexer(pd.Index(pairs["user_id"])).astype(np.int64)
    return Lists.of(owner, items.get_indexer(pd.Index(pairs["item_id"])).astype(np.int64), len(users))
