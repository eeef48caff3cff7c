"""Tables in, a data set out: outside ids become 0, 1, 2..., times become minutes before the end."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agents.errors import InvalidInput
from agents.schema import Floats, Ints, Item
from simulator.catalog import Catalog, Interactions
from simulator.data.base import Dataset
from simulator.data.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

ROLES = {
    "user": ("user_id", "user", "uid", "reviewer_id"),
    "item": ("item_id", "item", "movie_id", "book_id", "iid", "parent_asin", "asin"),
    "rating": ("rating", "score", "stars", "overall"),
    "time": ("timestamp", "time", "ts", "date", "unix_review_time"),
    "title": ("title", "movie_title", "name", "original_title"),
    "genres": ("genres", "genre", "class", "categories", "tags"),
    "year": ("year", "release_year", "original_publication_year"),
}
"""What a column means -> the names it is known by, best first; case, ``_`` and RecBole's ``:type`` do not matter."""

UNRATED_SCALE = (1.0, 5.0, 1.0)
"""The scale users rate on where the data holds no ratings."""

_POSTAL = ("zip", "zipcode", "postalcode")
_NO_GENRE = {"", "unknown", "(no genres listed)"}
_YEAR = re.compile(r"\s*\((\d{4})\)\s*$")


def assemble(
    name: str,
    events: Table,
    items: Table | None = None,
    people: Table | None = None,
    *,
    scale: tuple[float, float, float] | None = None,
    columns: Mapping[str, str] | None = None,
    identity: Mapping[str, Any] | None = None,
) -> Dataset:
    """Build a data set; ids are in natural order of the outside ids, rows in stable order of time.

    Without ``items`` the catalog is what occurs, titled by its ids; without a time column rows count as being in
    order of time, all at minute 0; repeated (user, item, time) rows count once. ``scale`` is found in the ratings
    if not given; ``columns`` maps roles (see ROLES) to column names where the names are not known ones.
    Raises InvalidInput if a column is missing or more than 1 % of a file's rows are bad.
    """
    named = columns or {}
    tables = [table for table in (events, items, people) if table]
    _check_columns(named, tables)
    role = find_roles(events, ("user", "item"), named)
    user_text, item_text = events.required(role["user"]), events.required(role["item"])
    rating = _ratings(events, role.get("rating"), scale)
    seconds = events.seconds(role["time"]) if "time" in role else np.zeros(len(events.line))
    catalog = _listed(items, named) if items else _occurring(item_text, events)
    item_id = _match(item_text, catalog)
    events.reject(item_id < 0, role["item"], f"is not an item of {items.path.name if items else 'the file'}")
    rejected = [table.rejected() for table in (events, items) if table]
    users, user_id = _codes(user_text, events.good)
    rows = _once(events, user_id, item_id, seconds)
    if not len(rows):
        raise InvalidInput(f"{events.path} holds no interaction")
    epoch = float(seconds[rows].max())
    interactions = Interactions(
        user_id[rows], item_id[rows], rating[rows], (seconds[rows] - epoch) / 60, np.zeros(len(rows), dtype=np.bool_)
    )
    facts = {
        "name": name,
        "sha256": {table.path.name: table.sha256 for table in tables},
        "rows": len(rows),
        "repeated": int(np.count_nonzero(events.good)) - len(rows),
        "rejected": rejected,
        "notes": [note for table in tables for note in table.notes]
        + ([] if "time" in role else ["no times: row order"]),
    }
    return Dataset(
        name=name,
        catalog=catalog,
        interactions=interactions,
        users=users,
        scale=scale or _scale(rating[rows]),
        epoch=epoch,
        demographics=_demographics(people, users, named) if people else (),
        identity={**(identity or {}), **facts},
    )


def find_roles(table: Table, needed: tuple[str, ...], columns: Mapping[str, str]) -> dict[str, str]:
    """Return role -> column of the table; raise InvalidInput if a needed one is not there."""
    known = {_plain(column): column for column in reversed(table.columns)}
    found = {role: known[_plain(n)] for role, names in ROLES.items() for n in reversed(names) if _plain(n) in known}
    found |= {role: column for role, column in columns.items() if column in table.columns}
    missing = [role for role in needed if role not in found]
    if missing:
        raise InvalidInput(
            f"{table.path} has the columns {', '.join(table.columns)}; none is known to be the {missing[0]}: "
            f"say columns: {{{missing[0]}: NAME}}"
        )
    return found


def _check_columns(columns: Mapping[str, str], tables: list[Table]) -> None:
    there = [column for table in tables for column in table.columns]
    for role, column in columns.items():
        if role not in ROLES:
            raise InvalidInput(f"columns: {role!r} is no role; roles are {', '.join(ROLES)}")
        if column not in there:
            raise InvalidInput(f"columns: there is no column {column!r}; there are {', '.join(there)}")


def natural(text: str) -> tuple[tuple[str | int, ...], str]:
    """Return a sort key under which numbers inside text count as numbers.

    >>> sorted(["u10", "u9", "10", "9"], key=natural)
    ['9', '10', 'u9', 'u10']
    """
    parts = re.split(r"([0-9]+)", text)  # every second part is a number
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts)), text


def _plain(column: str) -> str:
    return re.sub(r"[^a-z0-9]", "", column.split(":")[0].lower())


def _codes(text: "pa.Array", good: npt.NDArray[np.bool_]) -> tuple[tuple[str, ...], Ints]:
    """Return the distinct texts of the good rows in natural order and each row's position in them (-1: bad row)."""
    import pyarrow.compute as pc

    encoded = pc.dictionary_encode(text)
    indices = np.asarray(encoded.indices, dtype=np.int64)
    used = np.unique(indices[good])
    words = encoded.dictionary.to_pylist()
    order = sorted(used.tolist(), key=lambda code: natural(words[code]))
    place = np.full(len(words), -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    return tuple(words[code] for code in order), np.where(good, place[indices], -1)


def _ratings(events: Table, column: str | None, scale: tuple[float, float, float] | None) -> Floats:
    if column is None:
        return np.full(len(events.line), np.nan)
    rating = events.numbers(column)
    if scale:
        events.reject((rating < scale[0]) | (rating > scale[1]), column, f"is outside {scale[0]:g}..{scale[1]:g}")
    return rating


def _occurring(item_text: "pa.Array", events: Table) -> Catalog:
    """Return a catalog of the items that occur, titled by their ids."""
    names, _ = _codes(item_text, events.good)
    return Catalog(tuple(Item(i, name, ()) for i, name in enumerate(names)), names)


def _listed(items: Table, columns: Mapping[str, str]) -> Catalog:
    """Return the catalog a table of items lists; of an id that occurs twice the first row counts."""
    role = find_roles(items, ("item", "title"), columns)
    text = items.required(role["item"])
    titles = items.text(role["title"]).to_pylist()
    genres, years = (items.text(role[r]).to_pylist() if r in role else [""] * len(titles) for r in ("genres", "year"))
    items.reject(_repeats(text, items.good), role["item"], "occurs a second time")
    separator = _separator(genres, role.get("genres", ""))
    names, item_id = _codes(text, items.good)
    made = [
        _item(int(item_id[row]), titles[row] or names[item_id[row]], _genres(genres[row], separator), years[row])
        for row in np.flatnonzero(items.good)
    ]
    return Catalog(tuple(sorted(made, key=lambda item: item.item_id)), names)


def _repeats(text: "pa.Array", good: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Mark the good rows whose text stands in an earlier good row."""
    import pyarrow.compute as pc

    rows = np.flatnonzero(good)
    codes = np.asarray(pc.dictionary_encode(text).indices)[rows]
    repeats = np.zeros(len(good), dtype=np.bool_)
    repeats[np.delete(rows, np.unique(codes, return_index=True)[1])] = True
    return repeats


def _match(item_text: "pa.Array", catalog: Catalog) -> Ints:
    """Return each event's item id, -1 where the catalog has no such item."""
    import pyarrow.compute as pc

    place = {name: i for i, name in enumerate(catalog.names)}
    encoded = pc.dictionary_encode(item_text)
    lookup = np.array([place.get(word, -1) for word in encoded.dictionary.to_pylist()], dtype=np.int64)
    found: Ints = lookup[np.asarray(encoded.indices)]
    return found


def _item(item_id: int, title: str, genres: tuple[str, ...], year: str) -> Item:
    """Make an item; a title that ends with its year in parentheses loses it."""
    ending = _YEAR.search(title)
    number = _year(year)
    if ending and (number is None or number == int(ending[1])):
        title, number = title[: ending.start()] or title, int(ending[1])
    return Item(item_id, title, genres, number)


def _year(text: str) -> int | None:
    """Return the year a text holds (also "1995.0"), None if it holds none."""
    try:
        year = int(float(text))
    except (ValueError, OverflowError):
        return None
    return year if abs(year) < 10_000 else None


def _separator(genres: list[str], column: str) -> str:
    """Return what separates genres: ``|`` where it occurs, space in a RecBole sequence, else comma."""
    if any("|" in text for text in genres):
        return "|"
    return " " if column.endswith(":token_seq") else ","


def _genres(text: str, separator: str) -> tuple[str, ...]:
    parts = (part.strip() for part in text.split(separator))
    return tuple(dict.fromkeys(part for part in parts if part.lower() not in _NO_GENRE))


def _once(events: Table, user_id: Ints, item_id: Ints, seconds: Floats) -> npt.NDArray[np.intp]:
    """Return the good rows in stable order of time, of equal (user, item, time) only the first."""
    rows = np.flatnonzero(events.good)
    order = np.lexsort((rows, item_id[rows], user_id[rows], seconds[rows]))
    sorted_rows = rows[order]
    keys = (seconds[sorted_rows], user_id[sorted_rows], item_id[sorted_rows])
    new = np.ones(len(rows), dtype=np.bool_)
    new[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    kept = np.sort(sorted_rows[new])
    return kept[np.argsort(seconds[kept], kind="stable")]


def _scale(rating: Floats) -> tuple[float, float, float]:
    """Return (lowest, highest, smallest step) of the ratings that occur."""
    values = np.unique(rating[np.isfinite(rating)])
    if not len(values):
        return UNRATED_SCALE
    step = float(np.round(np.diff(values), 6).min()) if len(values) > 1 else 1.0
    return float(values[0]), float(values[-1]), step


def _demographics(people: Table, users: tuple[str, ...], columns: Mapping[str, str]) -> tuple[dict[str, str], ...]:
    """Return what is known of each user, without postal codes: nobody decides by them, and they identify people."""
    role = find_roles(people, ("user",), columns)
    fields = {
        column.split(":")[0]: people.text(column).to_pylist()
        for column in people.columns
        if column != role["user"] and _plain(column) not in _POSTAL
    }
    place = {name: row for row, name in enumerate(people.text(role["user"]).to_pylist())}
    rows = (place.get(name) for name in users)
    return tuple({} if row is None else {f: values[row] for f, values in fields.items() if values[row]} for row in rows)
