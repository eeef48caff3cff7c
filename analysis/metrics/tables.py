"""Turn anyone's plain tables into evidence."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from agents.schema import Floats, Ints
from analysis.metrics.concentration import discounted_exposure
from analysis.metrics.evidence import Evidence
from analysis.metrics.lists import Lists
from analysis.metrics.reading import PAIR, Frames, Tables, read
from analysis.metrics.space import fit_space
from analysis.metrics.strata import bands, head_tail, user_groups
from analysis.metrics.ties import Ties


@dataclass(frozen=True)
class Scored:
    """The evidence of some tables, and what a reader must know about how it was made."""

    evidence: Evidence
    catalog: str
    """Where the catalog comes from."""
    unknown_items: tuple[str, ...]
    """Items that are not in the catalog: popularity 0 unless someone took them."""
    repeats: int
    """Rows of train, test and chosen that repeat an earlier one; they count once."""


def read_evidence(tables: Tables, k: int) -> Scored:
    """Return the evidence of slates (cut at k), of what was taken before and, where given, of the other tables."""
    frames = read(tables)
    users, known, unknown = frames.users, frames.catalog, frames.unknown
    items = pd.Index(known + unknown)
    evidence = _with_more(_of_pairs(frames, users, items, len(known), k), frames, users, items)
    catalog = "union of train and slates" if tables.items is None else tables.items.name
    repeats = sum(int(table.duplicated(list(PAIR)).sum()) for table in frames.interactions)
    return Scored(_with_counts(evidence, len(items)), catalog, tuple(unknown), repeats)


def _of_pairs(frames: Frames, users: "pd.Index[str]", items: pd.Index, n_known: int, k: int) -> Evidence:
    """Return the evidence of slates, train, test and chosen."""
    shown = frames.shown[frames.shown["rank"] <= k]
    once = shown.drop_duplicates(list(PAIR))
    slates, chosen = _lists(once, users, items), frames.chosen
    return Evidence(
        slates=slates,
        n_catalog=n_known,
        profiles=_lists(frames.taken, users, items),
        test=None if frames.later is None else _lists(frames.later, users, items),
        population=int(frames.taken["user_id"].nunique()),
        k=k,
        chosen=None if chosen is None else _lists(chosen, users, items),
        offered=None if chosen is None else slates,
        showings=_times(shown, users) if frames.raw else None,
        presented=once["presented"].to_numpy(np.float64) if "presented" in once else None,
    )


def _with_more(evidence: Evidence, frames: Frames, users: "pd.Index[str]", items: pd.Index) -> Evidence:
    """Return the evidence with what items, ties and opinions say."""
    described, ties, opinions = frames.described, frames.ties, frames.opinions
    if described is not None:
        genres, ids = genre_matrix(described, items), id_matrix(described, items)
        evidence = replace(evidence, genres=genres, ids=ids, declared_items=evidence.n_catalog)
    if ties is not None:
        one, other = _codes(users, ties["user_id"]), _codes(users, ties["friend_id"])
        evidence = replace(evidence, ties=Ties.of(one, other, len(users)))
    if opinions is not None:
        stated = opinions.set_index("user_id")["opinion"].reindex(users)
        evidence = replace(evidence, opinions=stated.to_numpy(np.float64))
    return evidence


def _with_counts(evidence: Evidence, n_items: int) -> Evidence:
    """Return the evidence with what follows from its lists."""
    slates, profiles, n = evidence.slates, evidence.profiles, evidence.n_catalog
    assert profiles is not None
    popularity = np.bincount(profiles.item, minlength=n_items).astype(np.float64)
    return replace(
        evidence,
        counts=np.bincount(slates.item, minlength=n_items)[:n].astype(np.float64),
        exposures=discounted_exposure(slates.item, slates.rank, n_items)[:n],
        popularity=popularity,
        head=head_tail(popularity),
        band=bands(popularity),
        groups=user_groups(profiles, popularity),
        space=fit_space(profiles, profiles, n_items),
    )


def genre_matrix(described: pd.DataFrame, index: pd.Index) -> Floats:
    """Return the (items, genres) 0/1 matrix for the items of an index, zero rows for items not described."""
    dummies = described.set_index("item_id")["genres"].str.get_dummies(sep="|")
    return dummies.reindex(index, fill_value=0).to_numpy(np.float64)


def id_matrix(described: pd.DataFrame, index: pd.Index) -> Ints | None:
    """Return the (items, digits) codes for the items of an index, -1 for items without; None if nobody has any."""
    codes = described.set_index("item_id")["codes"] if "codes" in described else pd.Series(dtype=str)
    codes = codes[codes != ""]
    if not len(codes):
        return None
    digits = codes.str.split("-", expand=True).astype(np.int64)
    return digits.reindex(index, fill_value=-1).to_numpy(np.int64)


def _lists(table: pd.DataFrame, users: "pd.Index[str]", items: pd.Index) -> Lists:
    pairs = table.drop_duplicates(list(PAIR))
    return Lists.of(_codes(users, pairs["user_id"]), _codes(items, pairs["item_id"]), len(users))


def _codes(index: "pd.Index[str]", names: "pd.Series[str]") -> Ints:
    return index.get_indexer(pd.Index(names)).astype(np.int64)


def _times(table: pd.DataFrame, users: "pd.Index[str]") -> Floats:
    """Return how many rows each user has."""
    return np.bincount(_codes(users, table["user_id"]), minlength=len(users)).astype(np.float64)
