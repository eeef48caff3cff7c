import numpy as np
import pyarrow as pa
import pytest

from agents.schema import PAD
from simulator.log import TABLES
from simulator.record import Digest, Record, impressions_table, rows_table, schema


def show(record: Record, now: list[float], user: list[int], items: list[list[int]]) -> None:
    """Pages of one slate size, each user's first."""
    item_id = np.array(items, dtype=np.int32)
    shape, count = item_id.shape, len(now)
    moments, users = np.array(now), np.array(user)
    columns = {
        "now": moments,
        "user_id": users,
        "session_id": users * 10,
        "page": np.ones(count, dtype=np.int64),
        "item_id": item_id,
        "score": np.where(item_id == PAD, np.nan, 1.0),
        "propensity": np.full(shape, np.nan),
        "popularity_rank": item_id + 1,
        "model_version": np.zeros(count, dtype=np.int64),
        "action": np.where(np.arange(shape[1]) == 0, 1, 0)[None].repeat(count, 0).astype(np.int8),
        "rating": np.full(shape, 4.0),
        "dwell": np.full(shape, 0.5),
        "decided_by": np.ones(count, dtype=np.int8),
        "source": np.zeros(count, dtype=np.int8),
        "call_id": np.array([b"ab", *[b""] * (count - 1)], dtype="S32"),
    }
    record.add("impressions", moments, users, np.zeros(count, dtype=np.int64), columns)


def committed(record: Record, window: int) -> dict[str, list[object]]:
    pages = record.tables(window, record.pages(window))["impressions"]
    table = impressions_table(pages, "random")
    assert table.column_names == schema("impressions").names
    return table.to_pydict()


def test_a_window_comes_out_in_canonical_order_and_is_numbered() -> None:
    record = Record(15.0)
    show(record, [16.0, 2.0], [1, 5], [[3, 4, PAD], [7, PAD, PAD]])
    show(record, [2.0], [4], [[8, 9, 10]])
    first, second = committed(record, 0), committed(record, 1)
    assert first["user_id"] == [4, 4, 4, 5]
    assert first["item_id"] == [8, 9, 10, 7]
    assert first["position"] == [1, 2, 3, 1]
    assert first["slate_size"] == [3, 3, 3, 1]
    assert first["event_id"] == [0, 1, 2, 3]
    assert second["event_id"] == [4, 5]
    assert first["action"] == ["watch", "skip", "skip", "watch"]
    assert first["call_id"] == ["ab", "ab", "ab", ""]
    assert second["dwell_s"] == [30.0, 30.0]
    assert record.tables(0, record.pages(0)) == {}


def test_rows_given_one_by_one_and_as_columns_share_an_order() -> None:
    record = Record(15.0)
    sessions = dict.fromkeys(schema("sessions").names, np.zeros(2)) | {"exit_reason": np.array([1, 3])}
    record.add("sessions", np.array([9.0, 3.0]), np.array([0, 1]), np.zeros(2), sessions)
    record.row("refits", 5.0, -1, 1, (5.0, 1, "random", 0, 0, False))
    record.row("refits", 4.0, -1, 0, (4.0, 0, "random", 0, 0, False))
    tables = record.tables(0, None)
    assert tables["sessions"].column("exit_reason").to_pylist() == ["tired", "satisfied"]
    assert tables["refits"].column("now").to_pylist() == [4.0, 5.0]


ROWS = [(i, name, name, "A|B", 1990, i) for i, name in enumerate(["", "ab", "ä", "c"])]


def digest(*batches: pa.Table) -> str:
    made = Digest()
    for batch in batches:
        made.add("items", batch)
    return made.hexdigest()


def test_the_digest_depends_on_rows_and_windows_not_on_memory() -> None:
    whole = rows_table("items", ROWS)
    padded = rows_table("items", [ROWS[0], *ROWS, ROWS[0]]).slice(1, len(ROWS))
    chunked = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
    assert digest(whole) == digest(padded) == digest(chunked)
    assert digest(whole) != digest(whole.slice(0, 2), whole.slice(2))
    assert digest(whole) != digest(rows_table("items", [*ROWS[:3], (3, "c", "d", "A|B", 1990, 3)]))


def test_letters_cannot_move_between_rows_unnoticed() -> None:
    one = rows_table("items", [(0, "ab", "", "", 1, 1), (1, "c", "", "", 1, 1)])
    two = rows_table("items", [(0, "a", "", "", 1, 1), (1, "bc", "", "", 1, 1)])
    assert digest(one) != digest(two)


@pytest.mark.parametrize("table", TABLES)
def test_every_row_type_is_a_schema(table: str) -> None:
    assert rows_table(table, []).schema == schema(table)
