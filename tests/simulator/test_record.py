import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.log import TABLES
from simulator.record import Digest, PageShown, Record, rows_table, schema


def page(now: float, user: int, decision: int, items: list[int]) -> PageShown:
    n = len(items)
    return PageShown(
        now=now,
        user_id=user,
        decision=decision,
        session_id=user * 10,
        page=1,
        item_id=np.array(items),
        score=np.linspace(1, 0, n),
        propensity=np.full(n, np.nan),
        popularity_rank=np.arange(1, n + 1),
        action=[1] + [0] * (n - 1),
        rating=[4.0] + [float("nan")] * (n - 1),
        dwell=[0.5] * n,
        decided_by=1,
        call_id="",
        recommender="random",
        model_version=0,
    )


def test_a_window_comes_out_in_canonical_order_and_is_numbered() -> None:
    record = Record(15.0)
    for shown in (page(16.0, 1, 0, [3, 4]), page(2.0, 5, 1, [7]), page(2.0, 4, 0, [8, 9, 10])):
        record.page(shown)
    first = record.tables(0, record.pages(0))["impressions"].to_pydict()
    second = record.tables(1, record.pages(1))["impressions"].to_pydict()
    assert first["user_id"] == [4, 4, 4, 5]
    assert first["position"] == [1, 2, 3, 1]
    assert first["event_id"] == [0, 1, 2, 3]
    assert second["event_id"] == [4, 5]
    assert first["action"] == ["watch", "skip", "skip", "watch"]
    assert record.tables(0, record.pages(0)) == {}


@given(st.lists(st.text(max_size=5), min_size=1, max_size=8), st.data())
def test_the_digest_ignores_how_rows_were_cut_but_not_what_they_say(names: list[str], data: st.DataObject) -> None:
    rows = [(i, name, name, "A|B", 1990, i) for i, name in enumerate(names)]
    cut = data.draw(st.integers(0, len(rows)))
    whole, parts, other = Digest(), Digest(), Digest()
    whole.add("items", rows_table("items", rows))
    parts.add("items", rows_table("items", rows[:cut]))
    parts.add("items", rows_table("items", rows[cut:]))
    other.add("items", rows_table("items", [(*rows[0][:2], rows[0][2] + "x", *rows[0][3:]), *rows[1:]]))
    assert whole.hexdigest() == parts.hexdigest()
    assert whole.hexdigest() != other.hexdigest()


def test_letters_cannot_move_between_rows_unnoticed() -> None:
    one, two = Digest(), Digest()
    one.add("items", rows_table("items", [(0, "ab", "", "", 1, 1), (1, "c", "", "", 1, 1)]))
    two.add("items", rows_table("items", [(0, "a", "", "", 1, 1), (1, "bc", "", "", 1, 1)]))
    assert one.hexdigest() != two.hexdigest()


@pytest.mark.parametrize("table", TABLES)
def test_every_row_type_is_a_schema(table: str) -> None:
    assert rows_table(table, []).schema == schema(table)
