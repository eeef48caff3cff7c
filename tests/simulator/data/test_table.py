"""Reading files: any layout, and every bad row counted and named."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agents.errors import InvalidInput
from simulator.data.table import LONGEST, read


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    body = "\n".join(delimiter.join(row) for row in [("a", "b", "c"), ("1", "x y", "3")])
    table = read(write(tmp_path, "t.csv", body))
    assert list(table.columns) == ["a", "b", "c"]
    assert table.text("b").to_pylist() == ["x y"]


def test_quotes_hold_delimiters_and_line_breaks(tmp_path: Path) -> None:
    table = read(write(tmp_path, "t.csv", 'item,title\n1,"Salt, and\nlight"\n2,"He said ""no"""\n'))
    assert table.text("title").to_pylist() == ["Salt, and\nlight", 'He said "no"']


def test_recbole_files_have_no_quotes(tmp_path: Path) -> None:
    table = read(write(tmp_path, "t.item", 'item_id:token\ttitle:token_seq\n1\t"Unclosed\n2\tNext\n'))
    assert table.text("title:token_seq").to_pylist() == ['"Unclosed', "Next"]


def test_dat_files_keep_single_colons(tmp_path: Path) -> None:
    table = read(write(tmp_path, "movies.dat", "7::Salt: The Return (1999)::Drama|War\n"))
    assert table.text("title").to_pylist() == ["Salt: The Return (1999)"]
    assert table.line.tolist() == [1]


def test_latin_1_and_byte_order_marks(tmp_path: Path) -> None:
    table = read(write(tmp_path, "a.csv", "item,title\n1,Cérémonie\n".encode("latin-1")))
    assert table.text("title").to_pylist() == ["Cérémonie"]
    assert table.notes == ["a.csv: not UTF-8, read as Latin-1"]
    marked = read(write(tmp_path, "b.csv", b"\xef\xbb\xbfitem,title\n1,x\n"))
    assert list(marked.columns) == ["item", "title"]


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    rows = ["u,r", "1,5", "2,x", "", "3,1,9", "4,nan", "5,inf", "6,", "7,2"]
    table = read(write(tmp_path, "t.csv", "\n".join(rows) + "\n\n"))
    values = table.numbers("r")
    assert table.line.tolist() == [2, 3, 6, 7, 8, 9]
    assert table.good.tolist() == [True, False, False, False, True, True]
    assert np.isnan(values[4]), "an empty number is missing, not bad"
    assert table.first == [
        "t.csv:5: '3,1,9' has 3 fields, not 2",
        "t.csv:3: r 'x' is not a finite number",
        "t.csv:6: r 'nan' is not a finite number",
        "t.csv:7: r 'inf' is not a finite number",
    ]


def test_few_bad_rows_are_reported_and_many_refused(tmp_path: Path) -> None:
    good = "".join(f"{i},1\n" for i in range(99))
    few = read(write(tmp_path, "few.csv", "u,r\n" + good + "99,x\n"))
    few.numbers("r")
    assert few.rejected() == {
        "file": "few.csv",
        "rows": 100,
        "bad": 1,
        "first": ["few.csv:101: r 'x' is not a finite number"],
    }
    many = read(write(tmp_path, "many.csv", "u,r\n" + good + "99,x\n100,y\n"))
    many.numbers("r")
    with pytest.raises(InvalidInput, match=r"2 of 101 rows are bad, more than 1%") as caught:
        many.rejected()
    assert "many.csv:102: r 'y' is not a finite number" in str(caught.value)


def test_overlong_fields_are_rejected(tmp_path: Path) -> None:
    table = read(write(tmp_path, "t.csv", f"u,t\n1,{'x' * (LONGEST + 1)}\n2,y\n"))
    table.text("t")
    assert table.good.tolist() == [False, True]
    assert len(table.first[0]) < 200


@pytest.mark.parametrize("row", ['1,"open', '"open,1'])
def test_a_quote_that_is_never_closed_does_not_swallow_the_file(tmp_path: Path, row: str) -> None:
    rest = "".join(f"{i},1\n" for i in range(500))
    with pytest.raises(InvalidInput, match="never closed"):
        read(write(tmp_path, "t.csv", f"u,r\n{rest}{row}\n{rest}"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1700000000", 1.7e9), ("1700000000000", 1.7e9), ("2023-11-14T22:13:20", 1.7e9), ("2023-11-14T22:13:20Z", 1.7e9)],
)
def test_times_in_seconds_milliseconds_and_iso(tmp_path: Path, text: str, expected: float) -> None:
    assert read(write(tmp_path, "t.csv", f"u,t\n1,{text}\n")).seconds("t").tolist() == [expected]


def test_a_small_exponent_is_no_calendar_date(tmp_path: Path) -> None:
    table = read(write(tmp_path, "t.csv", "u,t\n1,5e-1\n"))
    assert table.seconds("t").tolist() == [0.5]


def test_parquet_keeps_types(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    moment = pa.array([1_700_000_000_000_000_000, None], pa.timestamp("ns"))
    columns = {"u": [1, 2], "r": [4.5, None], "t": moment, "g": [["a", "b"], []], "s": [{"x": 1}, {"x": 2}]}
    pq.write_table(pa.table(columns), path)
    table = read(path)
    assert table.text("u").to_pylist() == ["1", "2"]
    assert table.text("g").to_pylist() == ["a|b", ""]
    assert table.numbers("r")[0] == 4.5
    assert table.good.all()
    assert table.seconds("t")[0] == 1.7e9
    assert table.good.tolist() == [True, False]
    with pytest.raises(InvalidInput, match="s holds struct"):
        table.text("s")


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("t.csv", b"", "is empty"),
        ("t.csv", b" \n\n", "is empty"),
        ("t.csv", b"user,item\n", "a header and no rows"),
        ("t.csv", b"a,a\n1,2\n", "two columns have the same name"),
        ("t.parquet", b"not parquet", "is not a parquet file"),
        ("other.dat", b"1::2\n", "has no header"),
    ],
)
def test_files_that_cannot_be_data(tmp_path: Path, name: str, body: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read(write(tmp_path, name, body))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot read"):
        read(tmp_path / "absent.csv")
