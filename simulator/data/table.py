"""A file as columns of text, with its bad rows dropped, counted and named."""

import csv
import hashlib
import io
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.errors import InvalidInput
from agents.schema import Bools, Floats, Ints

if TYPE_CHECKING:
    import pyarrow as pa

THRESHOLD = 0.01
"""Share of bad rows above which a file is refused."""

LONGEST = 4_000
"""Characters a field may have; a number of more digits could not be read."""

_NAMED = 5
_LINES = 100  # a record over more is an unclosed quote that swallowed what followed
_MILLISECONDS = 1e11  # as seconds the year 5138, as milliseconds 1973
_HEADERS = {
    "ratings": ("user_id", "item_id", "rating", "timestamp"),
    "movies": ("item_id", "title", "genres"),
}


@dataclass
class Table:
    """One data file: ``columns`` by name, and for each row its line and whether it is still good.

    A line is counted as a record where quoted fields span several. ``notes`` says how the file was read.
    """

    path: Path
    columns: "dict[str, pa.Array]"
    line: Ints
    sha256: str
    notes: list[str] = field(default_factory=list)
    malformed: int = 0
    first: list[str] = field(default_factory=list)
    good: Bools = field(init=False)

    def __post_init__(self) -> None:
        self.good = np.ones(len(self.line), dtype=np.bool_)

    def reject(self, bad: Bools, column: str, reason: str) -> None:
        """Drop the rows marked bad, remembering the place and value of the first ones."""
        fresh = bad & self.good
        self.good &= ~fresh
        for row in np.flatnonzero(fresh)[: _NAMED - len(self.first)]:
            value = str(self.columns[column][int(row)].as_py())[:80]
            self.first.append(f"{self.path.name}:{self.line[row]}: {column} {value!r} {reason}")

    def text(self, column: str) -> "pa.Array":
        """Return a column as trimmed text, missing values as "", lists joined by "|"; overlong fields are rejected."""
        import pyarrow as pa
        import pyarrow.compute as pc

        values = self.columns[column]
        try:
            if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
                values = pc.binary_join(pc.cast(values, pa.list_(pa.string())), "|")
            text = pc.utf8_trim_whitespace(pc.fill_null(pc.cast(values, pa.large_string()), ""))
        except pa.ArrowException as error:
            raise InvalidInput(f"{self.path}: {column} holds {values.type}, not text or numbers ({error})") from error
        self.reject(np.asarray(pc.greater(pc.utf8_length(text), LONGEST)), column, f"is longer than {LONGEST}")
        return text

    def required(self, column: str) -> "pa.Array":
        """Return a column as text and reject the rows where it is empty."""
        import pyarrow.compute as pc

        text = self.text(column)
        self.reject(np.asarray(pc.equal(text, "")), column, "is empty")
        return text

    def numbers(self, column: str) -> Floats:
        """Return a column as floats, NaN where empty; rows without a finite number are rejected."""
        text = self.text(column)
        values, empty = _floats(text)
        self.reject(~np.isfinite(values) & ~empty, column, "is not a finite number")
        return values

    def seconds(self, column: str) -> Floats:
        """Return a column of times as Unix seconds; understands seconds, milliseconds and ISO 8601."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_temporal(self.columns[column].type):
            stamps = pc.cast(self.columns[column], pa.timestamp("ms"), safe=False)
            values = np.asarray(pc.cast(stamps, pa.int64()).to_numpy(zero_copy_only=False), dtype=np.float64) / 1000
        elif _is_iso(text := self.text(column)):
            values = np.array([_iso(value) for value in text.to_pylist()])
        else:
            values = _floats(text)[0]
        self.reject(~np.isfinite(values), column, "is not a time")
        if self.good.any() and np.median(np.abs(values[self.good])) > _MILLISECONDS:
            self.notes.append(f"{self.path.name}: {column} read as milliseconds")
            values = values / 1000
        return values

    def rejected(self) -> dict[str, Any]:
        """Return how many rows were bad and the first of them; raise InvalidInput above the threshold."""
        rows = len(self.line) + self.malformed
        bad = int(np.count_nonzero(~self.good)) + self.malformed
        if bad > THRESHOLD * rows:
            shown = "\n  ".join(self.first)
            raise InvalidInput(
                f"{self.path}: {bad} of {rows} rows are bad, more than {THRESHOLD:.0%}; the first are\n  {shown}"
            )
        return {"file": self.path.name, "rows": rows, "bad": bad, "first": list(self.first)}


def read(path: Path) -> Table:
    """Read a csv, tsv, parquet, MovieLens (``.dat``) or RecBole atomic file; raise InvalidInput if it is none."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}; check the path and its permissions") from error
    if not body.strip():
        raise InvalidInput(f"{path} is empty; expected a header and rows")
    table = _read_parquet(path, body) if path.suffix == ".parquet" else _read_text(path, body)
    if not len(table.line) and not table.malformed:
        raise InvalidInput(f"{path} has a header and no rows")
    return table


def _read_parquet(path: Path, body: bytes) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        frame = pq.read_table(pa.BufferReader(body))
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput(f"{path} is not a parquet file that can be read: {error}") from error
    return _table(path, body, frame, np.arange(1, len(frame) + 1))


def _read_text(path: Path, body: bytes) -> Table:
    import pyarrow as pa

    text, notes = _utf8(path, body)
    delimiter, quoted, header = _layout(path, text)
    if delimiter == "::":
        text, delimiter = text.replace(b"::", b"\x1f"), "\x1f"
    misfits: list[_Misfit] = []
    try:
        frame = _parse(text, delimiter, quoted, header, misfits)
    except pa.ArrowException as error:
        _check_misfits(path, misfits)
        raise InvalidInput(f"{path} cannot be read with the delimiter {delimiter!r}: {error}; check quotes") from error
    _check_misfits(path, misfits)
    skipped = np.array([misfit.line for misfit in misfits], dtype=np.int64)
    line = np.setdiff1d(np.arange(1, len(frame) + len(misfits) + 1), skipped)
    if path.suffix != ".dat":
        frame, line = frame.slice(1), line[1:]
    _check_fields(path, frame, line)
    table = _table(path, body, *_without_blank(frame, line))
    table.notes, table.malformed = notes, len(misfits)
    table.first = [f"{path.name}:{misfit.line}: {misfit.text!r} {misfit.wrong}" for misfit in misfits[:_NAMED]]
    return table


@dataclass(frozen=True, slots=True)
class _Misfit:
    """A record with too few or too many fields."""

    line: int
    lines: int
    text: str
    wrong: str


def _parse(text: bytes, delimiter: str, quoted: bool, header: tuple[str, ...], misfits: list[_Misfit]) -> "pa.Table":
    """Return all records as columns of text, the first line among them, and put aside those that do not fit."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    def put_aside(row: Any) -> str:
        wrong = f"has {row.actual_columns} fields, not {row.expected_columns}"
        misfits.append(_Misfit(row.number, row.text.count("\n"), row.text[:80], wrong))
        return "skip"

    return arrow.read_csv(
        pa.BufferReader(text),
        read_options=arrow.ReadOptions(use_threads=False, column_names=list(header)),
        parse_options=arrow.ParseOptions(
            delimiter=delimiter,
            quote_char='"' if quoted else False,
            newlines_in_values=quoted,
            ignore_empty_lines=False,
            invalid_row_handler=put_aside,
        ),
        convert_options=arrow.ConvertOptions(column_types=dict.fromkeys(header, pa.large_string())),
    )


def _check_misfits(path: Path, misfits: list[_Misfit]) -> None:
    for misfit in misfits:
        _check_lines(path, misfit.line, misfit.lines)


def _check_fields(path: Path, frame: "pa.Table", line: Ints) -> None:
    import pyarrow.compute as pc

    for column in frame.columns:
        lines = np.asarray(pc.count_substring(column, "\n"))
        for row in np.flatnonzero(lines > _LINES):
            _check_lines(path, int(line[row]), int(lines[row]))


def _check_lines(path: Path, number: int, lines: int) -> None:
    if lines > _LINES:
        raise InvalidInput(f"{path}: record {number} runs over {lines} lines; is a quote in it never closed?")


def _table(path: Path, body: bytes, frame: "pa.Table", line: Ints) -> Table:
    columns = {name: frame.column(name).combine_chunks() for name in frame.column_names}
    return Table(path, columns, line, hashlib.sha256(body).hexdigest())


def _without_blank(frame: "pa.Table", line: Ints) -> "tuple[pa.Table, Ints]":
    """Drop blank lines, which the parser returns as rows of empty fields."""
    import pyarrow.compute as pc

    filled = np.zeros(len(frame), dtype=np.bool_)
    for column in frame.columns:
        filled |= np.asarray(pc.not_equal(pc.fill_null(column, ""), ""))
    return frame.filter(filled), line[filled]


def _utf8(path: Path, body: bytes) -> tuple[bytes, list[str]]:
    """Return the text as UTF-8 without byte order mark; what is not UTF-8 is taken for Latin-1."""
    try:
        body.decode()
        return body.removeprefix(b"\xef\xbb\xbf"), []
    except UnicodeDecodeError:
        return body.decode("latin-1").encode(), [f"{path.name}: not UTF-8, read as Latin-1"]


def _layout(path: Path, body: bytes) -> tuple[str, bool, tuple[str, ...]]:
    """Return (delimiter, whether fields may be quoted, column names) from the file's name and first line."""
    first = body.split(b"\n", 1)[0].decode().rstrip("\r")
    if path.suffix == ".dat":
        if path.stem not in _HEADERS:
            raise InvalidInput(f"{path} has no header; of .dat files only {', '.join(_HEADERS)} are known")
        return "::", False, _HEADERS[path.stem]
    atomic = path.suffix in (".inter", ".item", ".user")
    delimiter = "\t" if atomic else max("\t,;|", key=first.count)
    header = tuple(next(csv.reader(io.StringIO(first), delimiter=delimiter)))
    if len(set(header)) < len(header):
        raise InvalidInput(f"{path}:1: two columns have the same name: {', '.join(header)}")
    return delimiter, not atomic, header


def _floats(text: "pa.Array") -> tuple[Floats, Bools]:
    """Return numbers (NaN where the text is none) and where the text is empty."""
    import pyarrow as pa
    import pyarrow.compute as pc

    empty = pc.equal(text, "")
    try:
        numbers = pc.cast(pc.if_else(empty, None, text), pa.float64())
        values = np.asarray(pc.fill_null(numbers, float("nan")), dtype=np.float64)
    except pa.ArrowInvalid:
        values = np.array([_float(value) for value in text.to_pylist()])
    return values, np.asarray(empty)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _is_iso(text: "pa.Array") -> bool:
    """Tell whether the first value looks like a calendar date."""
    return len(text) > 0 and re.match(r"\d{4}-\d", text[0].as_py()) is not None


def _iso(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return float("nan")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
